"""What would help, said only where the figures of the run show it.

No advice asks for what could make an agent worse, such as a narrower condition, a shorter memory,
or a limit on answers: what a node needs to know cannot be seen in times and costs.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from agentkit.profiling.figures import Advice, NodeFigures, Profile, duration
from agentkit.profiling.sums import CHARACTERS_PER_TOKEN, RunSums

_WORTH: Final = 0.01
"""Share of the time, money, calls or tokens of a run under which nothing is said. Obvious: nobody
changes an agent for less."""
_NOTICED_S: Final = 0.05
"""Seconds of a step from which its length matters. Obvious: no model across a network answers in
less, and nobody waits for less."""
_AGREED: Final = 3
"""Repeated requests that must all have had the answer of the first. Obvious: one or two may agree
by chance, and there is little to gain."""
_NO_READER: Final = "rules"
"""The model that does not read its prompts: that they are the same says nothing."""


def advise(profile: Profile, sums: RunSums) -> list[Advice]:
    """All advice, what gains most first."""
    found = list(_front(sums))
    if (profile.path.mean_s or 0.0) >= _NOTICED_S:
        found += [*_slow_node(profile), *_waits(sums)]
    for node in profile.nodes:
        found += [*_attempts(node, sums), *_reuse(node, sums)]
    found += _server(profile, sums)
    gains = sorted(
        ((_gain(advice, profile), advice) for advice in found), key=lambda pair: -pair[0]
    )
    return [advice for gain, advice in gains if gain >= _WORTH]


def _gain(advice: Advice, profile: Profile) -> float:
    """What is gained as a share of the time, the money, the calls or the tokens of the run."""
    gains = (
        (advice.saves_s, profile.path.seconds),
        (advice.saves_usd, profile.totals.cost_usd),
        (advice.saves_calls, profile.totals.calls),
        (advice.saves_tokens, profile.prefix.input_tokens),
    )
    return max((gain / whole for gain, whole in gains if gain and whole), default=0.0)


def _saved_s(node: NodeFigures) -> float | None:
    """What the steps would be shorter without a node, where it is known."""
    return None if node.critical is None else node.critical.saves_s


def _slow_node(profile: Profile) -> Iterator[Advice]:
    """The node without which the steps would take less than half of their time.

    Obvious: no change anywhere else can gain as much.
    """
    path = profile.path
    saved = {node.node: _saved_s(node) or 0.0 for node in profile.nodes}
    node = max(profile.nodes, key=lambda node: saved[node.node], default=None)
    if node is None or len(saved) < 2 or 2 * saved[node.node] <= path.seconds:
        return
    queued_s = 0.0 if node.retries or node.reused else node.waited_s
    if node.function is not None:
        helps = f"It calls the function `{node.function}`."
    elif queued_s > node.seconds:
        helps = (
            f"Its calls took {duration(node.seconds)} and waited {duration(queued_s)} for our own "
            "limits: `max_concurrency` or the limits a minute of the model, or the budget. A "
            "faster model gains little; higher limits do, as far as the server allows them."
        )
    else:
        helps = "Look there first: at its model, and at how much it reads and writes."
    a_step_s = saved[node.node] / path.steps
    yield Advice(
        "slow node",
        [node.node],
        f"Without `{node.node}` a step would take {duration(a_step_s)} less of "
        f"{duration(path.mean_s or 0.0)}: the steps wait for it "
        f"{saved[node.node] / path.seconds:.0%} of their time, so nothing else can shorten them "
        f"as much. {helps}",
        saves_s=saved[node.node],
    )


def _waits(sums: RunSums) -> Iterator[Advice]:
    """Nodes that wait for one whose answer they are not shown. Measured: what it costs."""
    for (first, second), seconds in sums.paths.waits_s.items():
        yield Advice(
            "waiting",
            [first, second],
            f"`{second}` waits for `{first}`, which it is only told to come `after`: it neither "
            "names nor recalls it, and no memory asks for that order. Side by side, a step takes "
            f"{duration(seconds / sums.paths.steps)} less.",
            saves_s=seconds,
        )


def _attempts(node: NodeFigures, sums: RunSums) -> Iterator[Advice]:
    """A node whose answers could not be used. Measured: what these cost."""
    counted = sums.nodes[node.node]
    if not counted.errors:
        return
    error, times = counted.errors.most_common(1)[0]
    often = "each time" if times == node.again else f"{times:,} times"
    on_path_s = _saved_s(node)
    yield Advice(
        "attempts",
        [node.node],
        f"{node.again:,} answer{'s' if node.again > 1 else ''} of `{node.node}` could not be used "
        f"({node.again / max(1, counted.questions):.0%} of its questions). Why, {often}: "
        f'"{_shortened(error, 120)}". Say in the prompt what the answer must look like and how '
        "long it may be, with an example.",
        saves_s=counted.again_s if on_path_s is None else min(counted.again_s, on_path_s),
        saves_usd=counted.again_usd if node.cost_usd is not None else None,
        saves_calls=node.again,
    )


def _reuse(node: NodeFigures, sums: RunSums) -> Iterator[Advice]:
    """A node that asked the same again and was always answered the same. Measured: both.

    Where an answer could not be used, or one differed, `reuse` would keep the first for good; so
    also where a node that samples on purpose happened to.
    """
    counted = sums.nodes[node.node]
    repeated = counted.repeated
    unread = set(node.models) <= {_NO_READER}
    if counted.reuses or counted.unlike or unread or repeated.calls < _AGREED:
        return
    yield Advice(
        "reuse",
        [node.node],
        f"`{node.node}` made {repeated.calls:,} of its {node.calls:,} calls with a request that it "
        "had made before in the episode, word for word, and each had the same answer as before. "
        "With `reuse: true` these calls are not made.",
        saves_usd=repeated.cost_usd,
        saves_calls=repeated.calls,
    )


def _front(sums: RunSums) -> Iterator[Advice]:
    """A clock or a step number in front of what stays. Measured: what was read anew for it."""
    for where in ("system", "context"):
        places = [place for place in sums.changes if place[0] == where]
        if not places:
            continue
        place = max(places, key=lambda place: sums.changes[place].characters)
        change = sums.changes[place]
        tokens = change.characters // CHARACTERS_PER_TOKEN
        yield Advice(
            "system changes" if where == "system" else "context changes early",
            [],
            f"The {where} changed {change.times:,} times in line {place[1] + 1} "
            f'("{_shortened(change.sample, 40)}") and not after it, but what follows had to be '
            "read anew. Put what changes at the end of the `context`: about "
            f"{tokens:,} more tokens could come from a cache.",
            saves_tokens=tokens,
        )


def _server(profile: Profile, sums: RunSums) -> Iterator[Advice]:
    """Calls that had to be made again, because a server could not answer. Measured: the pauses.

    Fewer calls at once are no advice: they wait for our own limits then, and not for less time.
    """
    nodes = [node.node for node in profile.nodes if node.retries]
    if not nodes:
        return
    reasons = sum((sums.nodes[name].reasons for name in nodes), Counter[str]())
    totals = profile.totals
    yield Advice(
        "server",
        nodes,
        f"Servers could not answer at once: {totals.retries:,} calls were made again, after "
        f"{duration(totals.retry_wait_s)} of waiting in all (most often: "
        f"{_shortened(reasons.most_common(1)[0][0], 60)}). A higher limit of the account or a less "
        "busy server shortens that.",
        saves_s=min(totals.retry_wait_s, profile.time.models_s),
    )


def _shortened(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
