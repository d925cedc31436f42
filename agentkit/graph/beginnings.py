"""What the prompts of a graph have in common at their beginning, which servers cache."""

from collections import Counter
from collections.abc import Iterator, Sequence

from agentkit.errors import Problem
from agentkit.graph.compile import CompiledNode
from agentkit.models.token_estimates import likely_tokens
from agentkit.templates.prompt_names import VARYING
from agentkit.templates.template import Template


def varying_warnings(
    system: Template | None, nodes: Sequence[CompiledNode], names: frozenset[str]
) -> Iterator[Problem]:
    """Yield a warning for each system text that changes from step to step.

    Args:
        system: The text of all nodes.
        nodes: The nodes, which may have texts of their own.
        names: The names of the nodes.
    """
    for text, node in ((system, None), *((one.system, one.name) for one in nodes)):
        if text is None or not (varying := sorted((VARYING | names) & frozenset(text.reads))):
            continue
        place = "'context'" if node is None else "the prompt"
        message = (
            f"the system text changes with {', '.join(varying)}, so no provider can cache it: "
            f"move what changes to {place}"
        )
        yield Problem(message, node, field="system")


def beginning_notes(nodes: Sequence[CompiledNode], context: Template | None) -> Iterator[Problem]:
    """Yield what it costs where a node begins otherwise than most, so that less is shared."""
    asked = [one for one in nodes if one.node.function is None]
    beginnings = [(one.node.system, one.examples) for one in asked]
    if len(set(beginnings)) < 2:
        return
    common = Counter(beginnings).most_common(1)[0][0]
    shows = "the context is" if context else "all that follows is"
    for one, (system, examples) in zip(asked, beginnings, strict=True):
        if system != common[0]:
            message = f"it has its own system text, so it shares no beginning: {shows} read anew"
            yield Problem(message, one.name, field="system")
        elif examples != common[1] and examples:
            tokens = sum(likely_tokens(message.content) for message in examples)
            message = (
                f"these examples (about {tokens:,} tokens) stand before the context and are not "
                f"those of most nodes, so {shows} read anew for this node"
            )
            yield Problem(message, one.name, field="examples")
