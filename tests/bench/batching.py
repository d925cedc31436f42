"""Tokens a second of 16 answers in one batch, beside transformers' `generate` one by one.

Both run the same loaded checkpoint in this process, round by round, in an order that changes, with
prompts that nobody asked before. `--mixed` gives answers of 16 to 64 tokens instead of 64 each.
Without `--folder` a tiny Qwen3-MoE is made.

    OMP_NUM_THREADS=1 .venv/bin/python tests/bench/batching.py [--folder DIR] [--mixed] [--rounds 8]
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from tiny_checkpoints import make_checkpoint

from agentkit import Message
from agentkit.models.hosted import Settings
from agentkit.models.local.transformers.chat import TextStream, prompt_ids
from agentkit.models.local.transformers.generation import End, Generation
from agentkit.models.local.transformers.model import TransformersModel
from agentkit.models.local.transformers.token_choice import TokenChoice

TOPICS = ("rivers", "bees", "trains", "islands", "bread", "winter", "kites", "letters")
AT_ONCE = 16
TOKENS = 64
NEVER = frozenset({1 << 30})
"""No token ends an answer: both sides write as many."""

Asked = list[tuple[list[int], int]]


def asked(tokenizer: object, round_: int, *, mixed: bool) -> Asked:
    """Prompts of 20 to 80 tokens, and how many tokens each answer has."""
    found = []
    for n in range(AT_ONCE):
        words = f"the {TOPICS[n % 8]} of the north " * (1 + n % 4)
        text = f"{round_}.{n} Tell me a long story about {words}"
        tokens = TOKENS // 4 * (1 + n % 4) if mixed else TOKENS
        found.append((prompt_ids(tokenizer, (Message("user", text),)), tokens))
    return found


def one_by_one(loaded: object, prompts: Asked) -> list[list[int]]:
    """Answers of transformers' own `generate`."""
    answers = []
    for ids, tokens in prompts:
        out = loaded.model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=sorted(NEVER),
        )
        answers.append(out[0][len(ids) :].tolist())
    return answers


async def in_a_batch(engine: object, prompts: Asked) -> list[list[int]]:
    """Answers of the engine, all at once."""

    async def one(ids: list[int], tokens: int) -> list[int]:
        decoder = TextStream(engine.checkpoint.tokenizer)
        generation = Generation(ids, TokenChoice([], False, None), tokens, NEVER, decoder)
        engine.begin(generation)
        while True:
            event = await generation.events.get()
            if isinstance(event, Exception):
                raise event
            if isinstance(event, End):
                return generation.tokens

    return await asyncio.gather(*(one(ids, tokens) for ids, tokens in prompts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or make_checkpoint(Path(made) / "tiny", "qwen3_moe")
        settings = Settings(threads=1, dtype=options.dtype, context=1024)
        model = TransformersModel(str(folder), folder, settings)
        model.load()
        engine = model._get_engine()
        print(model.description)
        asyncio.run(in_a_batch(engine, asked(engine.checkpoint.tokenizer, -1, mixed=False)))
        speeds: dict[str, list[float]] = {"one by one": [], "batch": []}
        equal = total = 0
        for round_ in range(options.rounds):
            prompts = asked(engine.checkpoint.tokenizer, round_, mixed=options.mixed)
            tokens = sum(count for _, count in prompts)
            answers = {}
            for side in random.sample(list(speeds), 2):
                began = time.perf_counter()
                if side == "batch":
                    answers[side] = asyncio.run(in_a_batch(engine, prompts))
                else:
                    with engine.alone() as loaded:
                        answers[side] = one_by_one(loaded, prompts)
                speeds[side].append(tokens / (time.perf_counter() - began))
            pairs = zip(answers["batch"], answers["one by one"], strict=True)
            equal += sum(ours == theirs for ours, theirs in pairs)
            total += AT_ONCE
        model.close()
    ratios = sorted(a / b for a, b in zip(speeds["batch"], speeds["one by one"], strict=True))
    for side, values in speeds.items():
        print(f"{side:>10}: {statistics.median(values):6.0f} tokens/s")
    low, high = ratios[0], ratios[-1]
    print(f"ratio {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}, n = {len(ratios)})")
    print(f"equal answers: {equal} of {total}")


if __name__ == "__main__":
    main()
