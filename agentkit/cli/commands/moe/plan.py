"""`agentkit moe plan`: what a model needs to run, from its config alone."""

from pathlib import Path

import click

from agentkit.cli import options


@click.command("plan")
@click.argument("path", metavar="PATH", type=options.FILE)
@click.option("--gpu", metavar="NAME", help="A well-known card, such as h100, a100 or rtx4090.")
@click.option("--gpu-memory", metavar="SIZE", help="Memory of each card, such as 80GB.")
@click.option("--bandwidth", metavar="SPEED", help="Of each card's memory, such as 3.35TB/s.")
@click.option(
    "--gpus", metavar="N", type=click.IntRange(1, 4096), default=1, help="Cards; default 1."
)
@click.option(
    "--context",
    metavar="N",
    type=click.IntRange(1),
    help="Tokens of a sequence, prompt and answer; default 4096.",
)
@click.option(
    "--batch",
    metavar="N",
    type=click.IntRange(1, 1 << 20),
    default=1,
    help="Sequences at once; default 1.",
)
@click.option(
    "--dtype",
    metavar="TYPE",
    help="Type of the weights: float32, bf16, fp16, fp8 or mxfp4; default: as the config says.",
)
@click.option(
    "--keep", metavar="N", type=click.IntRange(1), help="Keep only N experts of each layer."
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
def command(
    path: Path,
    gpu: str | None,
    gpu_memory: str | None,
    bandwidth: str | None,
    gpus: int,
    context: int | None,
    batch: int,
    dtype: str | None,
    keep: int | None,
    as_json: bool,
) -> None:
    """Plan what a model needs to run: memory, cards, speed.

    PATH is the folder of a Hugging Face checkpoint, or its config.json: that is enough, the
    weights need not be there. A dense model is planned too. GB is 1000**3 bytes, GiB 1024**3.

    \b
    Examples:
      agentkit moe plan Phi-3.5-MoE-instruct
      agentkit moe plan config.json --gpu h100 --gpus 2 --context 8192
      agentkit moe plan config.json --gpu-memory 80GB --keep 12
      agentkit moe plan config.json --gpu h100 --dtype fp8 --batch 16 --json
    """
    from agentkit.cli.view.closing import print_json
    from agentkit.cli.view.moe_tables import show_plan
    from agentkit.moe.figures import Wish
    from agentkit.moe.hardware import find_card, parse_bytes
    from agentkit.moe.plan import plan_model

    card = None if gpu is None else find_card(gpu)
    memory = card.memory if card else None
    speed = card.bandwidth if card else None
    wish = Wish(
        context=context,
        batch=batch,
        dtype=dtype,
        keep=keep,
        gpus=gpus,
        gpu_memory=parse_bytes(gpu_memory) if gpu_memory else memory,
        bandwidth=parse_bytes(bandwidth, "3.35TB/s") if bandwidth else speed,
    )
    plan = plan_model(path, wish)
    if as_json:
        print_json(plan.as_json())
    else:
        show_plan(plan, path.resolve().name if path.is_dir() else str(path))
