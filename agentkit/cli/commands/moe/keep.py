"""`agentkit moe keep`: which experts an agent needs, and what is lost without the others."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentkit.cli import options
from agentkit.errors import InputError

if TYPE_CHECKING:
    from agentkit.moe.keep import KeepPlan, RoutedCall
    from agentkit.moe.keep_loss import KeepReport


@click.command("keep")
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option(
    "--mass",
    metavar="SHARE",
    type=float,
    default=0.98,
    help="The share of each layer's choices that kept experts have; default 0.98.",
)
@click.option(
    "--by",
    type=click.Choice(["graph", "node"]),
    default="graph",
    help="One plan for the graph (default), or one for each node.",
)
@click.option(
    "--model",
    "folder",
    metavar="FOLDER",
    type=options.FILE,
    help="The checkpoint: measures what held-out answers lose, beside random experts.",
)
@click.option(
    "--calls",
    "most",
    metavar="N",
    type=click.IntRange(1),
    default=50,
    help="Measure on at most N answers of a plan; default 50.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=options.FILE,
    help="Write the plan to this file; by node, to a file for each node in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
def command(
    run: Path,
    mass: float,
    by: str,
    folder: Path | None,
    most: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Choose the experts of a mixture that an agent needs, from a recorded RUN (a folder).

    The run has to be played with the setting 'telemetry: experts' of its model. Of every four
    seeds one is held out: the experts are chosen without its episodes, and measured on them. The
    plan is used by the setting 'expert_keep: FILE' of the model.

    \b
    Examples:
      agentkit moe keep runs/play
      agentkit moe keep runs/play --mass 0.95 --out keep.json
      agentkit moe keep runs/play --by node --out keep
      agentkit moe keep runs/play --model models/Phi-3.5-MoE-instruct
    """
    from agentkit.cli.arguments import open_run
    from agentkit.cli.view.closing import print_json
    from agentkit.cli.view.keep_tables import show_keep
    from agentkit.moe.keep import plan_by_node, plan_keep, read_routed_calls

    if not 0 < mass <= 1:  # also where it is no number at all
        raise InputError(f"--mass is {mass}, expected a share above 0, up to 1")
    calls = read_routed_calls(open_run(run))
    known = {} if folder is None else _shape(folder, calls)
    plans = (
        plan_by_node(calls, mass, **known) if by == "node" else [plan_keep(calls, mass, **known)]
    )
    files = [] if out is None else _files(out, plans, by)
    report = None if folder is None else _measure(folder, calls, plans, most)
    for file, plan in zip(files, plans, strict=bool(files)):
        _write(file, plan, run)
    if as_json:
        said = [plan.as_file(str(run)) | _shares(plan) for plan in plans]
        print_json({"plans": said, **({} if report is None else report.as_json())})
    else:
        show_keep(plans, files, report)


def _shape(folder: Path, calls: "list[RoutedCall]") -> dict[str, Any]:
    """What the checkpoint says of its experts, as `plan_keep` takes it.

    Raises:
        InputError: It has other experts than were recorded.
    """
    import orjson

    from agentkit.cli.arguments import read_text
    from agentkit.models.local.transformers.experts import expert_shape

    path = folder / "config.json"
    try:
        config = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise InputError(f"cannot read {path}: line {error.lineno}: {error.msg}") from error
    layers, experts, k = expert_shape(config if isinstance(config, dict) else {})
    if not layers:
        raise InputError(f"{path} is of a dense model: it has no experts to keep")
    for call in calls:
        if len(call.experts) != layers or max(map(len, call.experts)) > experts:
            raise InputError(
                f"{path} has {layers} layers of {experts} experts, and node '{call.node}' was "
                f"played with {len(call.experts)} of {max(map(len, call.experts))}: it is another "
                "model"
            )
    return {"k": k, "experts": experts, "name": folder.resolve().name}


def _files(out: Path, plans: "list[KeepPlan]", by: str) -> list[Path]:
    """Where the plans go.

    Raises:
        InputError: Something else is there.
    """
    from agentkit.models.local.transformers.expert_keep import read_expert_keep

    names = [re.sub(r"[^\w.-]", "_", plan.node) for plan in plans]
    files = [out / f"{name}.json" for name in names] if by == "node" else [out]
    for file in files:
        if file.exists():
            try:
                read_expert_keep(file)
            except InputError:
                raise InputError(
                    f"{file} is there already, and is no plan: choose another"
                ) from None
    return files


def _write(file: Path, plan: "KeepPlan", run: Path) -> None:
    import orjson

    from agentkit.atomic_files import write_atomic

    try:
        write_atomic(file, orjson.dumps(plan.as_file(str(run))) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error


def _shares(plan: "KeepPlan") -> dict[str, Any]:
    return {
        "node": plan.node,
        "train": {"calls": plan.calls, "shares": plan.train},
        "held_out": {"calls": plan.held_calls, "shares": plan.held},
    }


def _measure(
    folder: Path, calls: "list[RoutedCall]", plans: "list[KeepPlan]", most: int
) -> "KeepReport":
    from agentkit.moe.keep_loss import load_for_loss, report_keep

    model, tokenizer = load_for_loss(folder)
    return report_keep(model, tokenizer, calls, plans, most)
