"""NoModel: stands where the user is to name a model."""

from agentkit.errors import InputError, advice
from agentkit.messages import Completion, Request


class NoModel:
    """The model `none` of an agent that works with any model, but brings none of its own.

    Such an agent can be loaded, checked, drawn and rendered. To run, it must be given a model.
    """

    name = "none"
    reads_variables = False

    async def complete(self, request: Request) -> Completion:
        """Answer nothing.

        Raises:
            InputError: Always.
        """
        raise InputError(
            f"node '{request.call.node}' has no model to answer it: name one, such as "
            + advice("model='openai:gpt-5-mini'", "--model openai:gpt-5-mini")
        )
