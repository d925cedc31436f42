"""Tokens a second of a `local:` model beside its bare engine, and how much of prompts is shared.

Both are asked the same requests in turn, in this process, in an order that changes, so that a busy
machine slows both. `--cpu` counts the processor's time instead of the clock's: on a machine that
others use it is the steadier of the two.

    OMP_NUM_THREADS=1 .venv/bin/python tests/bench/local_engine.py [--rounds 12] [--cpu]
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agentkit import Message, Request, Sampling
from agentkit.models.hosted import Settings
from agentkit.models.local.llamacpp.engine import start_server
from agentkit.models.local.llamacpp.model import LlamaCppModel

TOPICS = ("rivers", "bees", "trains", "islands", "bread", "winter", "kites", "letters")
TOKENS = 64
SHARED = "You play a long game. " + "The map has a river, a hill, a forest and a cave. " * 30


def requests(count: int, round_: int) -> list[Request]:
    """Prompts that nobody asked before."""
    sampling = Sampling(temperature=0, max_tokens=TOKENS)
    texts = (f"{round_}.{n} Tell me a long story about {TOPICS[n % 8]}." for n in range(count))
    return [Request((Message("user", text),), sampling) for text in texts]


def bare(server: Any, asked: list[Request], at_once: int) -> int:
    """Ask the engine itself; gives the tokens that it wrote."""

    def ask(request: Request) -> int:
        body = {
            "messages": [{"role": one.role, "content": one.content} for one in request.messages],
            "temperature": 0,
            "max_tokens": TOKENS,
        }
        answer = server.handle_chat_completions(body)
        return int(answer["usage"]["completion_tokens"])

    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(ask, asked))


def ours(model: LlamaCppModel, asked: list[Request], at_once: int) -> int:
    """Ask the model as a graph does; gives the tokens that it wrote."""

    async def many() -> int:
        places = asyncio.Semaphore(at_once)

        async def one(request: Request) -> int:
            async with places:
                return (await model.complete(request)).usage.output_tokens

        return sum(await asyncio.gather(*map(one, asked)))

    return asyncio.run(many())


def compare(
    asks: dict[str, Callable[[list[Request], int], int]],
    at_once: int,
    rounds: int,
    clock: Callable[[], float],
) -> None:
    """Print the tokens a second of each, and the ratio round by round."""
    speeds: dict[str, list[float]] = {name: [] for name in asks}
    for round_ in range(-1, rounds):
        for name in random.sample(sorted(asks), len(asks)):
            asked = requests(4, round_ * 2 + (name == "ours"))
            began = clock()
            tokens = asks[name](asked, at_once)
            if round_ >= 0:  # the first loads what the rest has in memory
                speeds[name].append(tokens / (clock() - began))
    ratios = [mine / its for mine, its in zip(speeds["ours"], speeds["bare"], strict=True)]
    mean = statistics.fmean(ratios)
    half = 1.96 * statistics.stdev(ratios) / len(ratios) ** 0.5
    print(
        f"| {at_once} | {statistics.median(speeds['bare']):.0f} | "
        f"{statistics.median(speeds['ours']):.0f} | {mean:.2f} | {mean - half:.2f}-"
        f"{mean + half:.2f} | {rounds} |",
        flush=True,
    )


def share(model: LlamaCppModel) -> None:
    """Print how much of sixteen prompts with one beginning is read once."""

    async def many() -> list[tuple[int, int]]:
        sampling = Sampling(temperature=0, max_tokens=4)
        calls = [
            Request((Message("system", SHARED), Message("user", f"What of place {n}?")), sampling)
            for n in range(16)
        ]
        answers = await asyncio.gather(*map(model.complete, calls))
        return [(a.usage.input_tokens, a.usage.cached_tokens) for a in answers]

    for name in ("cold, four at once", "again"):
        counts = asyncio.run(many())
        read, kept = (sum(column) for column in zip(*counts, strict=True))
        print(f"| {name} | {read:,} | {kept:,} | {kept / read:.0%} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--cpu", action="store_true", help="time of the processor")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    model = LlamaCppModel("smollm2", Settings(context=2048, threads=1, max_concurrency=4))
    model.load()
    print(json.dumps({"model": model.name, "is": model.description}))
    server = start_server(model._get_engine().plan)
    asks = {
        "bare": lambda asked, at_once: bare(server, asked, at_once),
        "ours": lambda asked, at_once: ours(model, asked, at_once),
    }
    print("| calls at once | bare engine, tokens/s | ours | ratio | 95% interval | n |")
    print("|---:|---:|---:|---:|---:|---:|")
    for at_once in (1, 4):
        compare(asks, at_once, options.rounds, clock)
    print("\n| 16 prompts with one beginning | tokens read | from the cache | share |")
    print("|---|---:|---:|---:|")
    share(model)


if __name__ == "__main__":
    main()
