"""Which way to score options decides best, and what a decision costs: SmolLM2 or another folder.

    python tests/bench/option_scores.py FOLDER [--data WEBSHOP] [--n 60] [--only NAME]

The questions are those of the shipped agents that decide, played by the rule-based players, whose
answers count as right:

- WebShop: which value of a product's option, such as a colour, where one is left to choose;
- Crafter: which of all 17 actions, with the agent's eight examples and without;
- MiniWoB: which move comes first, in tasks of one click.

Ways: the `sum` of the log-probabilities of an option's tokens and its end, their `mean`, the sum
less that after a neutral prompt (`prior`, a list of the options), the same where options are listed
behind the question, and `labels`: each option gets a letter in such a list, and the letters are
scored, with the list in one order or in two. "Chance" is the mean of 1 / options. Intervals are
Wilson's. Seconds are those of the first way that reads a prompt. Then comes the cost of 17 options,
in forward passes of the prompt alone.
"""

import argparse
import asyncio
import math
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from agentkit import Agent, Graph, Limits, Plan, load_agent, rollout_sync
from agentkit.environments.estimates import wilson
from agentkit.messages import Completion, Message, Question, Request
from agentkit.models.decisions import as_decided, decide_by_labels
from agentkit.models.local.transformers.exact_decisions import (
    decide_exactly,
    exact_text,
    how_to_answer,
    option_ids,
    prior_question,
)
from agentkit.models.local.transformers.option_scores import score_options
from agentkit.models.local.transformers.prompt_caches import PromptCaches
from agentkit.plugins import get_expert

WAYS: Final = (
    "sum",
    "mean",
    "prior",
    "sum, listed",
    "mean, listed",
    "labels",
    "labels, two orders",
)
BUTTONS: Final = ("Buy Now", "< Prev", "Next >", "Features", "Description", "Reviews")
CLICKS: Final = (
    "click-test-2", "click-button", "click-link", "click-dialog-2", "click-tab", "click-color",
    "click-widget", "click-shades", "click-collapsible", "click-dialog", "focus-text-2",
    "navigate-tree",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A question with what stands in front of it, and the answer of the rules."""

    messages: tuple[Message, ...]
    question: Question
    answer: str


class Watched:
    """The rule-based player, and what it was asked."""

    name = "watched rules"
    reads_variables = decides = is_certain = True
    most_questions = 1

    def __init__(self, env: str) -> None:
        self._expert = get_expert(env)
        self.cases: list[Case] = []

    async def complete(self, request: Request) -> Completion:
        return Completion(self._expert(request))

    async def decide(self, request: Request) -> Completion:
        completion = as_decided(request, await self.complete(request))
        (question,) = request.questions
        if completion.decision is not None and completion.decision.winner is not None:
            case = Case(request.messages[:-1], question, completion.decision.winner)
            self.cases.append(case)
        return completion


def asked(agent: Agent, plan: Plan) -> list[Case]:
    """Return what the agent asks while the rules play."""
    assert agent.env is not None
    watched = Watched(str(agent.env.id))
    rollout_sync(agent.replace(model=watched), replace(plan, allow_unknown_price=True))
    return watched.cases


def crafter(n: int, **changes: Any) -> list[Case]:
    """Questions for one of 17 actions, of six games."""
    agent = load_agent("crafter_decide")
    changes = {"output": {"choice": "actions"}, **changes}
    nodes = [one if one.function else replace(one, **changes) for one in agent.graph.nodes]
    graph = Graph(nodes, system=agent.graph.system.source)
    cases = asked(agent.replace(graph=graph, limits=Limits(steps=150)), Plan(6, seed=100))
    return cases[:: max(1, len(cases) // n)][:n]


def webshop(n: int, data: str | None) -> list[Case]:
    """Questions for the value of the only option of a product that is not chosen yet."""
    agent = load_agent("webshop_decide").with_inputs({"data": data or ""})
    cases = []
    for one in asked(agent, Plan(3 * n, seed=500)):
        found = re.findall(r"To choose, (.+?): ", one.question.text)
        values = tuple(value for value in one.question.options if value not in BUTTONS)
        if len(found) == 1 and len(values) > 1 and one.answer in values:
            wish, product = (
                re.search(rf"{name}: (.*)", one.question.text)[1]  # type: ignore[index]
                for name in ("Wish", "Product")
            )
            text = f"{wish}\n\nProduct: {product}\nWhich {found[0]} fits what is wished?"
            cases.append(Case((), Question(text, values), one.answer))
    return cases[:n]


def miniwob(n: int) -> list[Case]:
    """Questions for the first move of tasks that a click ends."""
    cases = []
    for task in CLICKS:
        agent = load_agent("miniwob_decide").with_inputs({"task": task})
        each = math.ceil(n / len(CLICKS))
        plan = Plan(each, seed=200)
        found = asked(agent.replace(limits=Limits(steps=1)), plan)
        cases += [one for one in found if one.answer.startswith("click")]
    return cases[:n]


class Chooser:
    """Decides cases in every way.

    Args:
        folder: The checkpoint.
        dtype: Of the weights.
    """

    def __init__(self, folder: str, dtype: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
        self.model.eval()
        ends = self.model.generation_config.eos_token_id
        self.ends = ends if isinstance(ends, list) else [ends]
        self.caches = PromptCaches()

    def ids(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of a chat up to where the answer begins."""
        chat = [{"role": one.role, "content": one.content} for one in messages]
        text = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def choose(self, case: Case, way: str) -> str | None:
        """The option that wins."""
        if way.startswith("labels"):
            rotations = 2 if "two" in way else 1
            ask = self._letters(case)
            decided = asyncio.run(decide_by_labels(case.question, ask, 26, rotations))
            return decided.winner
        said = exact_text(case.question)
        if way.endswith("listed"):
            said = f"{said}\n\n{how_to_answer(case.question)}"
        prompt = self.ids([*case.messages, Message("user", said)])
        neutral = self.ids([Message("user", how_to_answer(prior_question(case.question)))])
        return decide_exactly(
            self.model,
            self.tokenizer,
            prompt,
            case.question,
            way.removesuffix(", listed"),  # type: ignore[arg-type]
            self.ends,
            neutral,
            self.caches,
        ).winner

    def _letters(self, case: Case) -> Callable[..., Any]:
        async def ask(text: str, labels: Sequence[str]) -> list[float]:
            prompt = self.ids([*case.messages, Message("user", text)])
            tokens = option_ids(self.tokenizer, labels)
            return [
                math.exp(one)
                for one in score_options(self.model, prompt, tokens, caches=self.caches)
            ]

        return ask


def measure(chooser: Chooser, cases: Sequence[Case]) -> Iterator[tuple[str, str, str, str]]:
    """Return a row for each way: its name, the share that is right, its interval, seconds."""
    chance = statistics.mean(1 / len(one.question.options) for one in cases)
    yield "chance", f"{chance:.3f}", "", ""
    chooser.caches.clear()
    right, seconds = dict.fromkeys(WAYS, 0), dict.fromkeys(WAYS, 0.0)
    for case in cases:
        for way in WAYS:
            start = time.process_time()
            right[way] += chooser.choose(case, way) == case.answer
            seconds[way] += time.process_time() - start
    for way in WAYS:
        low, high = wilson(right[way], len(cases))
        took = f"{seconds[way] / len(cases):.2f}" if way in ("sum", "labels") else ""
        yield way, f"{right[way] / len(cases):.3f}", f"{low:.2f} to {high:.2f}", took


@torch.inference_mode()
def costs(chooser: Chooser, cases: Sequence[Case], rounds: int = 7) -> tuple[int, float, float]:
    """Return tokens of a prompt, seconds of one pass of it, and how many a decision takes."""
    case = cases[0]
    prompt = chooser.ids([*case.messages, Message("user", exact_text(case.question))])
    options = option_ids(chooser.tokenizer, case.question.options)
    passes, ratios = [], []
    for _ in range(rounds):
        start = time.process_time()
        chooser.model(torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
        middle = time.process_time()
        score_options(chooser.model, prompt, options, chooser.ends)
        passes.append(middle - start)
        ratios.append((time.process_time() - middle) / passes[-1])
    return len(prompt), statistics.median(passes), statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="a checkpoint with a tokenizer and a chat template")
    parser.add_argument("--data", help="a folder with WebShop's files; default: generated products")
    parser.add_argument("--n", type=int, default=60, help="questions of each kind")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="how the names of the kinds begin, as MiniWoB")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    logging.disable_progress_bar()
    chooser, n = Chooser(chosen.folder, chosen.dtype), chosen.n
    sets: dict[str, Callable[[], list[Case]]] = {
        "WebShop options": lambda: webshop(n + n // 3, chosen.data),
        "Crafter, no examples": lambda: crafter(n, examples=()),
        "Crafter, eight examples": lambda: crafter(n),
        "MiniWoB clicks": lambda: miniwob(n),
    }
    for name, collect in sets.items():
        if not name.startswith(chosen.only):
            continue
        cases = collect()
        table = Table(title=f"{name}, n = {len(cases)}")
        for column in ("way", "right", "95% interval", "CPU s a decision"):
            table.add_column(column)
        for row in measure(chooser, cases):
            table.add_row(*row)
            print(name, *row, flush=True)
        Console(width=120).print(table)
        if name.startswith("Crafter"):
            tokens, seconds, ratio = costs(chooser, cases)
            print(f"{name}: a prompt of {tokens:,} tokens takes {seconds:.2f} s; with 17 options "
                  f"{ratio:.2f} passes", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
