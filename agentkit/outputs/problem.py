"""What is wrong with the declaration of an output."""

from collections.abc import Sequence


class OutputProblem(ValueError):
    """An output declaration that cannot work. `key` is the field of the schema it is in."""

    def __init__(
        self, message: str, key: str | None = None, others: "Sequence[OutputProblem]" = ()
    ) -> None:
        self.message = message
        self.key = key
        self.all = (self, *others)
        """Every problem of the declaration, this one first."""
        super().__init__(message, key)

    def __str__(self) -> str:
        return "\n".join(problem.message for problem in self.all)
