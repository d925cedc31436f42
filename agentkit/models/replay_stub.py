"""Models for a replay: they have their names and are never asked."""

from collections.abc import Mapping

from agentkit.errors import ReplayError
from agentkit.messages import Completion, Request, Sampling, Usage
from agentkit.models.base import Bounded, Model
from agentkit.models.token_estimates import default_max_tokens, schema_tokens


class ReplayStub:
    """Stands for a model whose answers all come from a record.

    Args:
        model: The model.
        name: The name it has in the record.
    """

    def __init__(self, model: Model, name: str) -> None:
        self.name = name
        self.reads_variables = model.reads_variables
        self.default_max_tokens = default_max_tokens(model)
        self._model = model

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """The tokens that bounds of a schema leave to the longest answer, as the model has it."""
        return schema_tokens(self._model, sampling)

    async def complete(self, request: Request) -> Completion:
        """Refuse to answer.

        Raises:
            ReplayError: Always.
        """
        raise ReplayError(
            f"a replay asks no model, and node '{request.call.node}' asked {self.name}"
        )


class BoundedReplayStub(ReplayStub):
    """Stands for one that knows how much it takes."""

    def most_usage(self, request: Request) -> Usage:
        """Nothing is asked, so nothing is taken."""
        return Usage(calls=1)


def replay_stub(model: Model, names: Mapping[str, str]) -> Model:
    """What stands for a model, given the recorded names by the present ones."""
    kind = BoundedReplayStub if isinstance(model, Bounded) else ReplayStub
    return kind(model, names.get(model.name, model.name))
