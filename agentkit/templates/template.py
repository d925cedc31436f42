"""Templates and expressions: which names they read, and how they are filled in.

Jinja2 in a sandbox (`agentkit.templates.sandbox`). A template is filled in one pass, so a value
that contains `{{ }}` is text. A name, key or attribute that is not there is an error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Any

from jinja2 import nodes
from jinja2.environment import Template as JinjaTemplate
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Undefined

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds, joined
from agentkit.templates.sandbox.jinja_environment import SANDBOX
from agentkit.templates.sandbox.lookup import MissingValue, NotFound, read_name
from agentkit.templates.sandbox.operations import counted_range
from agentkit.templates.sandbox.rendered_values import in_words
from agentkit.templates.sandbox.rewrite import Rewriter
from agentkit.templates.sandbox.syntax import Reading, TemplateProblem, check

__all__ = [
    "RESERVED_WORDS",
    "SOURCE_LIMIT",
    "Expression",
    "Reads",
    "Template",
    "TemplateProblem",
    "compile_expression",
    "compile_template",
    "parsed",
]

Reads = Mapping[str, frozenset[str] | None]
"""Names a template reads: the first-level keys, or None when used whole or with a computed key."""

RESERVED_WORDS = frozenset({
    "and", "autoescape", "block", "call", "caller", "elif", "else", "endautoescape",
    "endblock", "endcall", "endfilter", "endfor", "endif", "endmacro", "endraw", "endset",
    "endwith", "extends", "false", "filter", "for", "from", "if", "import", "in", "include",
    "is", "kwargs", "loop", "macro", "none", "not", "or", "print", "range", "raw",
    "recursive", "self", "set", "super", "true", "varargs", "with",
})  # fmt: skip
"""Words that mean something in a template; no node or input can have such a name."""

SOURCE_LIMIT = 100_000
"""Characters a template may have."""

TOKEN_LIMIT = 10_000
"""Words and signs that a template may have inside its marks."""

_CACHED = 4_096
_VALUE = "_value_"
_PATH = re.compile(r"\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*", re.ASCII)
_SIGNS = {
    "token 'end of print statement'": "'}}'",
    "'end of print statement'": "'}}'",
    "token 'end of statement block'": "'%}'",
    "'end of statement block'": "'%}'",
    "Missing end of comment tag": "'{#' begins a comment, and there is no '#}' to end it.",
}
_NOT_NAMES = RESERVED_WORDS | {"True", "False", "None"}


@dataclass(frozen=True, slots=True, eq=False)
class _Code:
    """A compiled template and what is needed to explain its errors."""

    template: JinjaTemplate
    names: tuple[str, ...]
    lookups: tuple[tuple[int, str, Any], ...]

    def bounds(self, values: Mapping[str, Any]) -> Bounds:
        given = {name: values[name] for name in self.names if name in values}
        given["range"] = counted_range
        return Bounds(SANDBOX, given)

    def line_of(self, error: Exception) -> int | None:
        line = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is self.template:
                line = self.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line

    def explain(self, error: Exception, line: int | None) -> str:
        if isinstance(error, NotFound):
            owners = {o for at, o, key in self.lookups if key == error.key and line in (at, None)}
            return error.explain(owners.pop()) if len(owners) == 1 else str(error)
        return in_words(error)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A text with `{{ names }}` to fill in."""

    source: str
    """The text as written."""
    reads: Reads
    """The names it reads from outside."""
    binds: frozenset[str]
    """The names that its own `for`, `set` and `with` bind."""
    _text: str = field(repr=False)
    _code: _Code | None = field(repr=False)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with every name filled in. Raises RenderError."""
        code = self._code
        if code is None:
            return self._text
        try:
            return joined(list(code.template.root_render_func(code.bounds(values))))
        except Exception as error:
            line = code.line_of(error)
            where = f"line {line}: " if line is not None and "\n" in self._text else ""
            raise RenderError(where + code.explain(error, line)) from error


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """What stands between `{{` and `}}`, for its value instead of its text."""

    source: str
    """The expression as written."""
    reads: Reads
    """The names it reads from outside."""
    _path: tuple[str, ...] | None = field(repr=False)
    _code: _Code | None = field(repr=False)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value of the expression. Raises RenderError."""
        if self._path is not None:
            return self._follow(self._path, values)
        code = self._code
        if code is None:
            raise RenderError(f"'{self.source}' was not compiled.")
        try:
            bounds = code.bounds(values)
            for _ in code.template.root_render_func(bounds):
                pass
            value = bounds.vars[_VALUE]
        except Exception as error:
            raise RenderError(f"{self._where}{code.explain(error, None)}") from error
        return self._checked(value)

    def _follow(self, path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
        try:
            value = values[path[0]]
        except KeyError:
            raise RenderError(f"{self._where}'{path[0]}' is not known here.") from None
        if len(path) == 1 and value.__class__ in _PLAIN:
            return value
        for end, name in enumerate(path[1:], 1):
            try:
                owner, value = value, read_name(value, name)
            except Exception as error:
                raise RenderError(f"{self._where}{error}") from error
            if value.__class__ is MissingValue and value is not owner:
                message = NotFound(owner, name).explain(f"'{'.'.join(path[:end])}'")
                raise RenderError(f"{self._where}{message}")
        return self._checked(value) if value.__class__ not in _PLAIN else value

    def _checked(self, value: Any) -> Any:
        if isinstance(value, Undefined):
            raise RenderError(f"{self._where}{value._undefined_message}")
        if callable(value) and not isinstance(value, str):  # LangChain's texts can be called
            raise RenderError(f"{self._where}this is a function, not a value.")
        return list(value) if isinstance(value, (tuple, range)) else value

    @property
    def _where(self) -> str:
        shown = self.source.strip()
        return f"in '{shown if len(shown) <= 60 else shown[:57] + '...'}': "


_PLAIN = frozenset({str, int, float, bool, type(None), list, dict})


def parsed(code: Template | Expression) -> nodes.Template | None:
    """Return what a template or expression is made of, for checks; None for a plain text."""
    if isinstance(code, Expression):
        return _parse_expression(code.source)
    return None if code._code is None else Parser(SANDBOX, code._text).parse()


@lru_cache(maxsize=_CACHED)
def compile_template(source: str) -> Template:
    """Check and compile a template. Raises TemplateProblem."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return Template(source, MappingProxyType({}), frozenset(), text.removesuffix("\n"), None)
    tree, reading = _read(text, None, lambda: Parser(SANDBOX, text).parse())
    code = _compile(tree, reading)
    return Template(source, reading.reads, frozenset(reading.binds), text, code)


@lru_cache(maxsize=_CACHED)
def compile_expression(source: str) -> Expression:
    """Check and compile an expression. Raises TemplateProblem."""
    match = _PATH.fullmatch(source)
    if match and not _NOT_NAMES.intersection(path := tuple(match[1].split("."))):
        keys = frozenset(path[1:2]) or None
        return Expression(source, MappingProxyType({path[0]: keys}), path, None)
    tree, reading = _read(source, "variable", lambda: _parse_expression(source))
    return Expression(source, reading.reads, None, _compile(tree, reading))


def _parse_expression(source: str) -> nodes.Template:
    parser = Parser(SANDBOX, source, state="variable")
    value = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateProblem(_unexpected(str(parser.stream.current.value)))
    for part in (value, *value.find_all(nodes.CondExpr)):
        if isinstance(part, nodes.CondExpr) and part.expr2 is None:
            raise TemplateProblem("an 'if' in an expression needs an 'else'.", part.lineno)
    target = nodes.Name(_VALUE, "store", lineno=1)
    return nodes.Template([nodes.Assign(target, value, lineno=1)], lineno=1)


def _read(
    source: str, state: str | None, parse: Callable[[], nodes.Template]
) -> tuple[nodes.Template, Reading]:
    if len(source) > SOURCE_LIMIT:
        raise TemplateProblem(f"it is longer than {SOURCE_LIMIT:,} characters.")
    try:
        tokens = SANDBOX.lexer.tokeniter(source, None, state=state)
        if sum(1 for _ in islice(tokens, TOKEN_LIMIT + 1)) > TOKEN_LIMIT:
            raise TemplateProblem("it has too many parts.")
        tree = parse()
        check(tree)
        return tree, Reading(tree)
    except TemplateSyntaxError as error:
        raise TemplateProblem(_in_words(error), error.lineno) from None
    except RecursionError:
        raise TemplateProblem("it is nested too deeply.") from None
    except ValueError:
        raise TemplateProblem("a number is too large.") from None


_WRITE_INSTEAD = {
    "=": "write '==' to compare, and 'is none' to ask for nothing",
    "&": "write 'and'",
    "&&": "write 'and'",
    "|": "write 'or'; after a single '|' stands the name of a filter",
    "!": "write 'not', and '!=' for unequal",
    "?": "write 'a if condition else b'",
    ">": "write '!=' for unequal, and '>=' for at least",
    "$": "a name stands without '$' and braces",
    "}": "'}}' ends what '{{' begins, and a name in an expression stands without braces",
    "\u2260": "write '!='",
    "\u2264": "write '<='",
    "\u2265": "write '>='",
    **dict.fromkeys("\u2018\u2019\u201c\u201d\u201e", "write straight quotes: ' or \""),
    **{word.upper(): f"write '{word}'" for word in ("and", "or", "not")},
    **dict.fromkeys(("eq", "equals"), "write '=='"),
    "contains": "write 'part in whole'",
}
"""What is written in templates for signs and words of other languages."""
_FOUND_SIGN = re.compile(r"(?:got|char|unexpected) '([^'\s]|if)'")


def _unexpected(sign: str) -> str:
    instead = _WRITE_INSTEAD.get(sign)
    return f"'{sign}' was not expected here{f': {instead}' if instead else ''}."


def _in_words(error: TemplateSyntaxError) -> str:
    message = error.message or "it cannot be read."
    found = _FOUND_SIGN.search(message)
    if found and found[1] in _WRITE_INSTEAD:
        return _unexpected(found[1])
    if found and found[1] == "if":
        return "'if' was not expected here: write 'elif' for 'else if'."
    for term, sign in _SIGNS.items():
        message = message.replace(term, sign)
    return message


def _compile(tree: nodes.Template, reading: Reading) -> _Code:
    rewritten = Rewriter().visit(tree)
    rewritten.set_environment(SANDBOX)
    try:
        template = SANDBOX.from_string(rewritten)
    except TemplateSyntaxError as error:
        raise TemplateProblem(_in_words(error), error.lineno) from None
    except SyntaxError as error:
        raise TemplateProblem(f"it cannot be compiled: {error.msg}.") from None
    except (RecursionError, MemoryError):
        raise TemplateProblem("it is nested too deeply.") from None
    return _Code(template, tuple(reading.reads), tuple(reading.lookups))
