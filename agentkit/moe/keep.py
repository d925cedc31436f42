"""Which experts of a mixture an agent needs: chosen from the counts that a run has recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median
from typing import Any, Final

from agentkit.errors import InputError, listed, visible
from agentkit.events import EpisodeStarted, NodeFailed, NodeFinished, NodeRetried, NodeStarted
from agentkit.messages import Message, Usage
from agentkit.models.local.transformers.expert_keep import ExpertKeep
from agentkit.record.reader import Run

Counts = Sequence[Sequence[int]]
"""How often each expert was chosen, by layer of experts."""
HELD_OUT: Final = 4
"""Of so many seeds, one is held out."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class RoutedCall:
    """A recorded call of a mixture of experts."""

    node: str
    """The node that asked; `plan.*` for nodes that the function of `plan` added."""
    seed: int
    """The seed of its episode; the episode's number where it has none."""
    model: str
    """The model's name in the record."""
    experts: tuple[tuple[int, ...], ...]
    """How often each expert was chosen, by layer of experts."""
    usage: Usage
    """What it took."""
    messages: tuple[Message, ...]
    """What was asked."""
    text: str
    """What was answered; empty where the node could not use it."""


@dataclass(frozen=True, slots=True)
class KeepPlan:
    """Which experts are kept, and how much of the routing goes to them."""

    node: str
    """The node it is for; empty: the whole graph."""
    keep: ExpertKeep
    """The experts."""
    mass: float
    """The share of each layer's choices that was asked for."""
    calls: int
    """Calls that it was chosen from."""
    train: tuple[float, ...]
    """The share of their choices that goes to kept experts, by layer."""
    held_calls: int
    """Calls that were held out."""
    held: tuple[float, ...]
    """The share of their choices that goes to kept experts, by layer; empty without any."""

    def as_file(self, run: str) -> dict[str, Any]:
        """Return what the file of the plan says.

        Args:
            run: The run that it comes from.
        """
        about = {"run": run, "mass": self.mass, **({"node": self.node} if self.node else {})}
        layers = [list(kept) for kept in self.keep.layers]
        return {"model": self.keep.model, "experts": self.keep.experts, "layers": layers, **about}


def read_routed_calls(run: Run) -> list[RoutedCall]:
    """Read the calls of a run whose experts were counted, in order; not those that were reused.

    Raises:
        InputError: Nothing was counted in it.
        TraceError: It is damaged.
    """
    calls = [call for episode in run.episodes for call in _of_episode(run, episode)]
    if not calls:
        raise InputError(
            f"{run.folder} has no counts of experts: play it with a mixture whose settings say "
            "'telemetry: experts'"
        )
    return calls


def _of_episode(run: Run, episode: int) -> Iterable[RoutedCall]:
    asked: dict[tuple[str, int | None], NodeStarted] = {}
    seed = episode
    for event in run.events(episode):
        if isinstance(event, EpisodeStarted) and event.seed is not None:
            seed = event.seed
        elif isinstance(event, NodeStarted):
            asked[event.node, event.item] = event
        elif isinstance(event, (NodeFinished, NodeRetried, NodeFailed)):
            begun, completion = asked.get((event.node, event.item)), event.completion
            if begun is None or completion is None or event.reused:
                continue
            if any(map(any, counts := completion.experts)):
                usable = isinstance(event, NodeFinished) and event.status == "ok"
                text = completion.text if usable else ""
                added = "." in event.node  # by a function: many have one origin
                node = f"{event.node.partition('.')[0]}.*" if added else event.node
                yield RoutedCall(
                    node, seed, begun.model, counts, completion.usage, begun.messages, text
                )


def split_by_seed(calls: Iterable[RoutedCall]) -> tuple[list[RoutedCall], list[RoutedCall]]:
    """Split calls into those to choose from and those held out: the highest quarter of the seeds.

    All calls of an episode are on the same side. Of one seed nothing is held out.
    """
    calls = [*calls]
    seeds = sorted({call.seed for call in calls})
    number = min(-(-len(seeds) // HELD_OUT), len(seeds) - 1)
    held = {*seeds[len(seeds) - number :]}
    train = [call for call in calls if call.seed not in held]
    return train, [call for call in calls if call.seed in held]


def add_counts(calls: Iterable[RoutedCall], experts: int = 0) -> list[list[int]]:
    """Add up the counts of calls, which have to be of one model.

    Args:
        calls: The calls.
        experts: How many experts each layer has at least; servers leave out the last ones if no
            token went there.

    Raises:
        InputError: They are of models with different numbers of layers.
    """
    total: list[list[int]] = []
    for call in calls:
        total = total or [[] for _ in call.experts]
        if len(total) != len(call.experts):
            raise InputError(
                f"node '{visible(call.node[:60])}' has counts of {len(call.experts)} layers of "
                f"experts, others of {len(total)}: they are of several models. Plan by node"
            )
        total = [
            [sum(pair) for pair in zip_longest(*both, fillvalue=0)]
            for both in zip(total, call.experts, strict=True)
        ]
    width = max([experts, *map(len, total)])
    return [layer + [0] * (width - len(layer)) for layer in total]


def experts_per_token(calls: Sequence[RoutedCall]) -> int:
    """Return k, how many experts a token goes to, from counts and usage: at least 1.

    A call sends (prompt - cached + new - 1) tokens through every layer.
    """
    shares = []
    for call in calls:
        used = call.usage
        if (tokens := used.input_tokens - used.cached_tokens + used.output_tokens - 1) > 0:
            shares.append(sum(call.experts[0]) / tokens)
    return max(1, round(median(shares))) if shares else 1


def choose_experts(counts: Counts, mass: float, k: int) -> tuple[tuple[int, ...], ...]:
    """Choose the fewest experts of each layer that have a share of its choices.

    Args:
        counts: How often each was chosen.
        mass: The share, 0 to 1.
        k: How many experts a token goes to: fewer are never kept.
    """
    chosen = []
    for layer in counts:
        order = sorted(range(len(layer)), key=lambda expert: (-layer[expert], expert))
        wanted, have, kept = mass * sum(layer) * (1 - _ROUNDING), 0, 0
        while kept < len(layer) and (kept < k or have < wanted):
            have += layer[order[kept]]
            kept += 1
        chosen.append(tuple(sorted(order[:kept])))
    return tuple(chosen)


def top_experts(counts: Counts, sizes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return the experts of each layer that were chosen most, as many as `sizes` says."""
    return tuple(
        tuple(sorted(sorted(range(len(layer)), key=lambda one: (-layer[one], one))[:size]))
        for layer, size in zip(counts, sizes, strict=True)
    )


def kept_share(counts: Counts, kept: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """Return which share of the choices goes to kept experts, by layer; 1 where there are none."""
    return tuple(
        sum(layer[expert] for expert in chosen) / total if (total := sum(layer)) else 1.0
        for layer, chosen in zip(counts, kept, strict=True)
    )


def plan_keep(
    calls: Sequence[RoutedCall],
    mass: float,
    *,
    k: int | None = None,
    experts: int = 0,
    node: str = "",
    name: str = "",
) -> KeepPlan:
    """Plan which experts are kept for the calls of a graph or of a node.

    Args:
        calls: The calls of the whole graph.
        mass: The share of each layer's choices that kept experts shall have, 0 to 1.
        k: How many experts a token goes to; None: as the counts say.
        experts: How many each layer has; 0: as many as were chosen.
        node: Only for this node; empty: for all.
        name: The name of the model's folder; empty: as the record says.

    Raises:
        InputError: The calls are of several models.
    """
    train, held = (of_node(part, node) for part in split_by_seed(calls))
    if not train:  # a node that ran in held-out episodes only
        train, held = held, []
    names = sorted({_bare(call.model) for call in [*train, *held]})
    if not name and len(names) > 1:
        raise InputError(f"the calls are of several models ({listed(names)}): plan by node")
    whole = len(add_counts([*train, *held], experts)[0])
    counts, held_counts = add_counts(train, whole), add_counts(held, whole)
    kept = choose_experts(counts, mass, k or experts_per_token(train))
    return KeepPlan(
        node,
        ExpertKeep(len(counts[0]), kept, name or names[0]),
        mass,
        len(train),
        kept_share(counts, kept),
        len(held),
        kept_share(held_counts, kept) if held else (),
    )


def of_node(calls: Iterable[RoutedCall], node: str) -> list[RoutedCall]:
    """Return the calls of a node; of all nodes if its name is empty."""
    return [call for call in calls if node in ("", call.node)]


def _bare(model: str) -> str:
    """`tiny` for `local:models/tiny`."""
    return model.rpartition(":")[2].rstrip("/").rpartition("/")[2]


def plan_by_node(
    calls: Sequence[RoutedCall],
    mass: float,
    *,
    k: int | None = None,
    experts: int = 0,
    name: str = "",
) -> list[KeepPlan]:
    """Plan which experts are kept for each node; see `plan_keep`."""
    nodes = dict.fromkeys(call.node for call in calls)
    return [plan_keep(calls, mass, k=k, experts=experts, node=node, name=name) for node in nodes]
