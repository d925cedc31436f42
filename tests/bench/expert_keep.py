"""What a mixture loses with a part of its experts, and what watching, masking and slicing cost.

A tiny Qwen3-MoE is trained here on two kinds of text, as two nodes of an agent would ask: the
prose of our pages and our Python. Its experts are chosen by `agentkit.moe.keep` from the counts of
some files and measured on others, which it was not trained on. A model of this size shows how
routing and loss hang together. It says nothing about large models.

    OMP_NUM_THREADS=1 .venv/bin/python tests/bench/expert_keep.py [--steps 600] [--rounds 15]
"""

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_checkpoints import ROOT, make_checkpoint

from agentkit import Usage
from agentkit.models.local.transformers.expert_keep import ExpertKeep, mask_experts, slice_experts
from agentkit.models.local.transformers.experts import expert_shape, watch_experts
from agentkit.moe.keep import (
    RoutedCall,
    add_counts,
    of_node,
    plan_keep,
    split_by_seed,
    top_experts,
)
from agentkit.moe.keep_loss import AnswerTokens, KeepLoss, kept_bytes, measure_keep

SHAPE = {
    "hidden_size": 128, "intermediate_size": 256, "moe_intermediate_size": 96,
    "num_hidden_layers": 2, "num_experts": 16, "num_experts_per_tok": 2, "initializer_range": 0.02,
    "router_aux_loss_coef": 0.002, "output_router_logits": False,
}  # fmt: skip
LENGTH, BATCH, PROMPT = 128, 16, 32
Pieces = dict[str, dict[int, list[list[int]]]]
"""By kind and file, tokens; the number of a file stands for the seed of an episode."""


def texts() -> dict[str, list[str]]:
    """Our pages without what is code in them, and our modules."""
    pages = sorted((ROOT / "docs").glob("*.md"))
    modules = sorted((ROOT / "agentkit").rglob("*.py"), key=lambda path: -path.stat().st_size)
    modules = modules[: 2 * len(pages)]
    for paths in (pages, modules):
        random.Random(0).shuffle(paths)
    return {
        "prose": [re.sub(r"```.*?```", "", path.read_text(), flags=re.S) for path in pages],
        "code": [  # two modules beside each page
            modules[n].read_text() + modules[n + 1].read_text() for n in range(0, len(modules), 2)
        ],
    }


def pieces(tokenizer: Any) -> Pieces:
    """By kind and file, pieces of `LENGTH` tokens."""
    return {
        kind: {
            number: [ids[at : at + LENGTH] for at in range(0, len(ids) - LENGTH + 1, LENGTH)]
            for number, text in enumerate(files)
            for ids in [tokenizer(text, add_special_tokens=False).input_ids]
        }
        for kind, files in texts().items()
    }


def train(model: Any, data: list[list[list[int]]], steps: int) -> float:
    """Train on both kinds in equal parts; gives the loss at the end."""
    draw, losses = random.Random(0), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps, pct_start=0.1)
    model.train()
    for _ in range(steps):
        ids = torch.tensor([draw.choice(kind) for kind in data for _ in range(BATCH // len(data))])
        loss = model(input_ids=ids, labels=ids, output_router_logits=True).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(float(loss.detach()))
    model.eval()
    return statistics.fmean(losses[-50:])


@torch.inference_mode()
def route(model: Any, found: Pieces) -> list[RoutedCall]:
    """A call for every piece, with the experts of its tokens."""
    layers, experts, _ = expert_shape(model.config)
    calls = []
    for kind, files in found.items():
        for number, of_file in files.items():
            for ids in of_file:
                seen: list[tuple[int, ...]] = []
                end = watch_experts(
                    model,
                    lambda _, chosen, seen=seen: seen.append(
                        tuple(chosen.flatten().bincount(minlength=experts).tolist())
                    ),
                )
                model(torch.tensor([ids]))
                end()
                assert len(seen) == layers
                usage = Usage(LENGTH, 1, 0, 1)
                calls.append(RoutedCall(kind, number, "local:tiny", tuple(seen), usage, (), ""))
    return calls


def show(what: str, rows: list[KeepLoss]) -> None:
    """Print a row: the loss with all experts, and how much more it is with others."""
    cells = [f"{row.more:+.3f} ({row.low:+.3f} to {row.high:+.3f})" for row in rows[1:]]
    subsets = [loss - rows[0].loss for loss in rows[-1].subsets]
    cells[-1] = f"{rows[-1].more:+.3f} ({min(subsets):+.3f} to {max(subsets):+.3f})"
    print(f"| {what} | {rows[0].loss:.3f} | " + " | ".join(cells) + " |")


def measure(model: Any, found: Pieces, calls: list[RoutedCall]) -> None:
    """Print the losses of each kind, with its own experts and with others."""
    train_calls, held_calls = split_by_seed(calls)
    held = {call.seed for call in held_calls}
    whole = add_counts(train_calls)
    print("| text | mass | kept of 16 | held out | all | its own | both's | the other's | random |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for kind, files in found.items():
        told = [ids for number in sorted(held & {*files}) for ids in files[number]][:60]
        answers = [AnswerTokens(tuple(ids[:PROMPT]), tuple(ids[PROMPT:])) for ids in told]
        for mass in (0.98, 0.9, 0.7):
            plan = plan_keep(calls, mass, k=2, node=kind)
            sizes = [len(kept) for kept in plan.keep.layers]
            other = next(name for name in found if name != kind)
            theirs = top_experts(add_counts(of_node(train_calls, other)), sizes)
            choices = {
                "its own": plan.keep,
                "both's": ExpertKeep(16, top_experts(whole, sizes)),
                "the other's": ExpertKeep(16, theirs),
            }
            share = f"{statistics.fmean(plan.held):.1%}"
            kept = " and ".join(map(str, sizes))
            rows = measure_keep(model, answers, choices)
            show(f"{kind}, {len(answers)} pieces | {mass:g} | {kept} | {share}", rows)


def compared(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median processor time of each way, asked in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    draw = random.Random(0)
    for _ in range(rounds):
        for name in draw.sample([*ways], len(ways)):
            began = time.process_time()
            ways[name]()
            times[name].append(time.process_time() - began)
    return {name: statistics.median(sorted(took)) for name, took in times.items()}


@torch.inference_mode()
def costs(load: Callable[[], Any], keep: ExpertKeep, rounds: int) -> None:
    """Print what watching costs, and how masked and sliced models run."""
    whole, watched, masked, sliced = (load() for _ in range(4))
    counts = torch.zeros(2, 16, dtype=torch.int64)
    watch_experts(
        watched,
        lambda layer, chosen: counts[layer].add_(chosen.flatten().bincount(minlength=16)),
    )
    mask_experts(masked, keep)
    slice_experts(sliced, keep)
    models = {"all": whole, "all, watched": watched, "masked": masked, "sliced": sliced}
    prompt = torch.randint(5, 1000, (8, 256))
    fits = {"prefill of 8 x 256 tokens": lambda model: model(prompt, logits_to_keep=1)}
    short = prompt[:, :8]
    fits["8 answers of 32 tokens"] = lambda model: model.generate(
        short, attention_mask=torch.ones_like(short), max_new_tokens=32, min_new_tokens=32,
        do_sample=False,
    )  # fmt: skip
    print("\n| work | " + " | ".join(f"{name}, ms" for name in models) + " | watching costs |")
    print("| --- |" + " --- |" * (len(models) + 1))
    for work, run in fits.items():
        ways = {name: (lambda model=model, run=run: run(model)) for name, model in models.items()}
        took = compared(ways, rounds)
        cost = took["all, watched"] / took["all"] - 1
        cells = " | ".join(f"{1000 * took[name]:.1f}" for name in models)
        print(f"| {work} | {cells} | {cost:+.1%} |")
    different = (masked(prompt).logits - sliced(prompt).logits).abs().max()
    before, after = kept_bytes(whole, keep)
    print(f"\nmasked and sliced logits differ by {different:.1f} at most")
    print(f"weights: {before / 1e6:.2f} MB, masked the same, sliced {after / 1e6:.2f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = make_checkpoint(Path(name) / "tiny", "qwen3_moe", **SHAPE)
        model = AutoModelForCausalLM.from_pretrained(folder)
        found = pieces(AutoTokenizer.from_pretrained(folder))
        seeds = [call_seed for files in found.values() for call_seed in files]
        stub = [RoutedCall("", seed, "", ((1,),), Usage(), (), "") for seed in seeds]
        train_seeds = {call.seed for call in split_by_seed(stub)[0]}
        data = [
            [ids for number, of_file in files.items() if number in train_seeds for ids in of_file]
            for files in found.values()
        ]
        began = time.process_time()
        loss = train(model, data, arguments.steps)
        took = time.process_time() - began
        print(f"trained {arguments.steps} steps in {took:.0f} CPU seconds, loss {loss:.2f}\n")
        model.save_pretrained(folder)
        calls = route(model, found)
        measure(model, found, calls)
        keep = plan_keep(calls, 0.9, k=2, node="code").keep
        costs(lambda: AutoModelForCausalLM.from_pretrained(folder).eval(), keep, arguments.rounds)


if __name__ == "__main__":
    main()
