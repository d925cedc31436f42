"""The protocol every model follows, and those that some follow too."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, runtime_checkable

from agentkit.errors import AccessError, InputError
from agentkit.messages import Completion, Request, Sampling, Usage


@runtime_checkable
class Model(Protocol):
    """Anything that completes messages."""

    @property
    def name(self) -> str:
        """The id shown in traces, such as `openai:gpt-5-mini`."""
        ...

    @property
    def reads_variables(self) -> bool:
        """Whether answers depend on the request's variables and not only on its messages."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answer a request.

        Raises:
            ModelError: The model could not be reached or did not answer.
        """
        ...


@runtime_checkable
class DecisionModel(Protocol):
    """A model that can decide closed questions, with a probability for every option."""

    @property
    def name(self) -> str:
        """The id shown in traces."""
        ...

    @property
    def decides(self) -> bool:
        """Whether it can decide, as far as is known: some servers have to be asked first."""
        ...

    @property
    def most_questions(self) -> int:
        """How many questions one request may have."""
        ...

    async def decide(self, request: Request) -> Completion:
        """Decide the questions of a request, which are at least one.

        Returns:
            A completion with a decision for each question, in their order: one without
            probabilities where the model refused. Of a single question, a completion without
            decisions is an answer in text, which is read as that of any node.

        Raises:
            CannotDecide: It can only answer in text.
            ModelError: The model could not be reached or did not answer.
        """
        ...


@runtime_checkable
class Certain(Protocol):
    """A model that can have no doubt, such as a script."""

    @property
    def is_certain(self) -> bool:
        """Whether an answer in text to a question that it decides has probability 1."""
        ...


def can_decide(model: Model) -> bool:
    """Return whether a model can decide closed questions, as far as is known."""
    return isinstance(model, DecisionModel) and model.decides


def is_certain(model: Any) -> bool:
    """Return whether an answer in text of a model that decides has probability 1."""
    return isinstance(model, Certain) and model.is_certain


async def answer_of(model: Model, request: Request) -> Completion:
    """Return a model's answer: its decisions, where a request has questions.

    Raises:
        ModelError: The model could not be reached or did not answer.
    """
    if request.questions and isinstance(model, DecisionModel):
        return await model.decide(request)
    return await model.complete(request)


@runtime_checkable
class Priced(Protocol):
    """A model whose price is known, or may be."""

    def cost_usd(self, usage: Usage) -> float | None:
        """What this usage costs in US dollars; None when the price is unknown."""
        ...


def cost_of(model: Model, usage: Usage) -> float | None:
    """Return what this usage costs in US dollars; None when the model's price is unknown."""
    return model.cost_usd(usage) if isinstance(model, Priced) else None


@runtime_checkable
class Loaded(Protocol):
    """A model that needs what takes long to load: modules, or weights."""

    def load(self) -> None:
        """Load it, in a thread of its own before the first step, so that no call waits.

        Raises:
            InputError: It cannot be loaded.
        """
        ...


@runtime_checkable
class Checked(Protocol):
    """A model that needs something before it can be asked: a key, or a file."""

    def check_ready(self) -> None:
        """Find out whether it is there, without asking a server.

        Raises:
            AccessError: The key is missing, or may not be sent.
            InputError: The file cannot be used.
        """
        ...


@runtime_checkable
class Described(Protocol):
    """A model of which there is more to say than its name."""

    @property
    def description(self) -> str:
        """What it is, in one line."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A model that knows how many tokens it may take, whatever `max_tokens` is."""

    def most_usage(self, request: Request) -> Usage:
        """The most that one try of a request takes."""
        ...


@runtime_checkable
class Varied(Protocol):
    """A model that may be given a temperature, so that a further attempt differs from the first."""

    @property
    def takes_temperature(self) -> bool:
        """Whether it takes a temperature, and has none that the program gave it."""
        ...


@runtime_checkable
class SchemaBounding(Protocol):
    """A model that says whether schemas get bounds which nobody declared."""

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """The tokens that the longest answer under a schema may have; None: no bounds are added."""
        ...


@runtime_checkable
class Cache(Protocol):
    """Completions that outlive an episode, such as `CompletionFile`."""

    async def complete(
        self, model: Model, request: Request, ask: Callable[[], Coroutine[Any, Any, Completion]]
    ) -> tuple[Completion, bool]:
        """The completion of a request, and whether it was there already."""
        ...


def check_ready_models(asked: Iterable[tuple[str, Model]]) -> None:
    """Refuse to begin while a model cannot be asked: all that is missing is told at once.

    Args:
        asked: The nodes that ask, each with its model.

    Raises:
        AccessError: Keys are missing.
        InputError: Something else is missing too.
    """
    missing: dict[str, type[InputError]] = {}
    for model in {id(model): model for _, model in asked}.values():
        try:
            if isinstance(model, Checked):
                model.check_ready()
        except InputError as error:
            missing[str(error)] = type(error)
    if missing:
        keys_only = all(issubclass(kind, AccessError) for kind in missing.values())
        raise (AccessError if keys_only else InputError)("\n".join(missing))
