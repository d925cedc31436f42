"""SmolLM2 on llama.cpp and on transformers, as agents ask it: seconds for the same work.

Four jobs: an answer of 64 tokens alone; 16 answers of 32 tokens at once; a prompt of about 1,500
tokens with an answer of one; a decision among 17 options after such a prompt. Both engines are in
this process, on one thread, and do each job in turn, with prompts that nobody asked before.

    OMP_NUM_THREADS=1 .venv/bin/python tests/bench/two_engines.py [--rounds 5] [--dtype bfloat16]
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable

from agentkit import Message, Question, Request, Sampling, get_model
from agentkit.models.hosted import Settings

WORDS = ("river", "bends", "north", "mill", "turns", "slowly", "beside", "field", "of", "barley")
OPTIONS = tuple(f"move {n} steps" for n in range(17))
Job = Callable[[object, random.Random], Awaitable[int]]


def said(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def asked(chance: random.Random, words: int, tokens: int, **fields: object) -> Request:
    sampling = Sampling(temperature=0, max_tokens=tokens)
    return Request((Message("user", f"Go on: {said(chance, words)}"),), sampling, **fields)


async def one_answer(model: object, chance: random.Random) -> int:
    return (await model.complete(asked(chance, 20, 64))).usage.output_tokens


async def sixteen_answers(model: object, chance: random.Random) -> int:
    requests = [asked(chance, 20, 32) for _ in range(16)]
    answers = await asyncio.gather(*map(model.complete, requests))
    return sum(one.usage.output_tokens for one in answers)


async def long_prompt(model: object, chance: random.Random) -> int:
    return (await model.complete(asked(chance, 1200, 1))).usage.input_tokens


async def decision(model: object, chance: random.Random) -> int:
    shown, question = Message("user", said(chance, 1200)), Question("Where to?", OPTIONS)
    request = Request((shown, Message("user", "Where to?")), questions=(question,))
    return (await model.decide(request)).usage.input_tokens


JOBS: dict[str, Job] = {
    "an answer of 64 tokens": one_answer,
    "16 answers of 32 tokens": sixteen_answers,
    "a prompt of 1,500 tokens": long_prompt,
    "a decision among 17": decision,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    settings = {"threads": 1, "context": 2048, "max_concurrency": 16}
    models = {
        "llama.cpp": get_model("local:smollm2", settings=Settings(**settings)),
        "transformers": get_model(
            "local:smollm2",
            settings=Settings(**settings, engine="transformers", dtype=options.dtype),
        ),
    }
    for name, model in models.items():
        began = time.perf_counter()
        model.load()
        print(f"{name:>12}: {model.description}, loaded in {time.perf_counter() - began:.1f} s")
    chance = random.Random(0)
    for label, job in JOBS.items():
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for round_ in range(options.rounds + 1):
            for name in random.sample(list(models), 2):
                began = time.perf_counter()
                asyncio.run(job(models[name], chance))
                if round_:  # the first is for warming up
                    seconds[name].append(time.perf_counter() - began)
        pairs = zip(seconds["transformers"], seconds["llama.cpp"], strict=True)
        ratios = sorted(ours / theirs for ours, theirs in pairs)
        shown = ", ".join(
            f"{name} {statistics.median(all_):.2f} s" for name, all_ in seconds.items()
        )
        low, high = ratios[0], ratios[-1]
        print(
            f"{label:>24}: {shown}, ratio {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
        )
    for model in models.values():
        model.close()


if __name__ == "__main__":
    main()
