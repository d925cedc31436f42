"""Stand-ins for values that nobody has given yet: `⟨plan⟩`."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentkit.templates.sandbox.lookup import MAPPING_METHODS


class Placeholder(str, Mapping[str, Any]):
    """A text that shows the name of an unknown value; its fields are placeholders too."""

    _label: str

    def __new__(cls, label: str) -> "Placeholder":
        """The placeholder of a name, written `⟨name⟩`."""
        text = super().__new__(cls, f"⟨{label}⟩")
        text._label = label
        return text

    @property
    def item(self) -> "Placeholder":
        """Stands for the items, where a list is needed."""
        return Placeholder(f"{self._label}[...]")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key not in MAPPING_METHODS

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Placeholder(f"{self._label}[{_written(key)}]")
        return Placeholder(
            f"{self._label}[{key}]" if isinstance(key, int) else f"{self._label}.{key}"
        )

    def __iter__(self) -> Iterator[Any]:
        yield self.item

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return True


def _written(part: slice) -> str:
    """A slice as it stands in a template: `:5`."""
    start, stop, step = ("" if at is None else str(at) for at in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


def example(label: str, schema: Mapping[str, Any] | None) -> Any:
    """A value of the shape a JSON schema asks for, made of placeholders."""
    schema = schema or {}
    if schema.get("type") == "object":
        fields: Mapping[str, Any] = schema.get("properties", {})
        return {name: example(f"{label}.{name}", part) for name, part in fields.items()}
    if schema.get("type") == "array":
        return [example(f"{label}[...]", schema.get("items"))]
    return Placeholder(label)
