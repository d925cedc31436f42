"""The rule-based shopper as a model: it answers each node of the shipped agents.

It is not a language model. It follows what the shop shows, and goes by the names of nodes, whatever
their prompts say.
"""

from agentkit.errors import ModelError
from agentkit_envs.experts import Expert, Sight
from agentkit_envs.webshop.pages.prompt_reader import ReadingError
from agentkit_envs.webshop.strategy import expert_answers
from agentkit_envs.webshop.strategy.decision import Situation


def follow(before: Situation | None, sight: Sight) -> Situation:
    """Return what is known after a sight.

    Raises:
        ModelError: The shop shows its pages in another form than `prompt`.
    """
    try:
        return Situation.after(before, sight.observation)
    except ReadingError as error:
        raise ModelError(f"the rule-based WebShop player cannot read the page: {error}") from error


answer = Expert(
    "WebShop",
    follow,
    {
        "wanted": expert_answers.wanted,
        "compared": expert_answers.compared,
        "judged": expert_answers.judged,
        "act": expert_answers.act,
        "click": expert_answers.click,
    },
)
"""Answers the nodes of the agents `webshop` and `webshop_decide`."""
