"""The one Jinja environment that all templates share."""

from typing import Any, ClassVar

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agentkit.templates.sandbox.bounds import Bounds, joined
from agentkit.templates.sandbox.filters import TESTS, filters_of
from agentkit.templates.sandbox.lookup import MissingValue, read_key, read_name
from agentkit.templates.sandbox.operations import call_allowed, compute
from agentkit.templates.sandbox.rewrite import HIDDEN_FILTERS


class _Writing(CodeGenerator):
    """Writes text as it is, without a call; any other value goes through the bounds."""

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        return self._FinalizeInfo(None, None)  # no output is computed at compile time

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("(out if (out := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(").__class__ is str else context.write(out))")


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with our lookups, operators, filters and prices."""

    code_generator_class = _Writing
    context_class = Bounds
    concat = staticmethod(joined)  # type: ignore[assignment]
    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "-", "*", "/", "//", "**", "%"})  # type: ignore[misc]
    getattr = staticmethod(read_name)  # type: ignore[assignment]
    getitem = staticmethod(read_key)  # type: ignore[assignment]
    call_binop = staticmethod(compute)  # type: ignore[assignment]
    call = staticmethod(call_allowed)  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(
            undefined=MissingValue,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            cache_size=0,
        )
        self.globals = {}
        self.filters = {**filters_of(self), **HIDDEN_FILTERS}
        self.tests = dict(TESTS)


SANDBOX = Sandbox()
"""Holds no state of a render; safe to share between threads."""
