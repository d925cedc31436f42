"""An output that is one of several options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.errors import OutputError
from agentkit.outputs.options import (
    evaluate_options,
    find_cut_option,
    find_option,
    is_part,
    no_option,
)
from agentkit.outputs.output import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOutput(Output):
    """One of the options that an expression gives, or of a fixed list."""

    question_kind = "choice"

    fixed: tuple[str, ...] = ()
    """The options, when they are written out; else `expressions` has what gives them."""

    def options(self, values: Mapping[str, Any]) -> Sequence[str]:
        """The options of this step. Raises RenderError when there are none."""
        if self.fixed:
            return self.fixed
        ((_, expression),) = self.expressions
        return evaluate_options(expression, values)

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt."""
        lines = "".join(f"\n- {option}" for option in self.options(values))
        return f"Answer with exactly one of these options and nothing else:{lines}"

    def json_schema(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A JSON schema for models that can follow one."""
        return {"enum": list(self.options(values)), "type": "string"}

    def parse(self, text: str, values: Mapping[str, Any]) -> str:
        """The option that the text names."""
        options = self.options(values)
        found = find_option(text, options)
        if found is None:
            raise OutputError(no_option(text, options))
        return found

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> str:
        """The option that is the whole first line, or all there is and not part of a longer one."""
        options = self.options(values)
        found = find_cut_option(text, options)
        if found is not None and ("\n" in text.lstrip() or not is_part(found, options)):
            return found
        raise OutputError("The answer is not complete.")
