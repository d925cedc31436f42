"""Short names of elements that stay the same while an episode lasts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from agentkit_envs.browser.see.view import Element


class References:
    """Gives elements the references e1, e2, ... in the order in which they first appear.

    Playwright's own (e3, f1e3) begin anew with every document and look different in frames. An
    element keeps ours while it stays in its page with its role and name; one that comes later
    gets a number that was never used before in the episode, so an old reference never means
    another element. (But for frames that went to another page by themselves: what is there now may
    have the number of what was there before, if its role is the same.)
    """

    def __init__(self) -> None:
        """Start an episode."""
        self._numbers: dict[tuple[Hashable, str, str], str] = {}
        self._playwright: Mapping[str, str] = MappingProxyType({})

    @property
    def playwright(self) -> Mapping[str, str]:
        """Of the elements on the page now: our reference to Playwright's."""
        return self._playwright

    def given(self, ref: str) -> bool:
        """Whether the reference was ever given, so that an error can say that it is gone."""
        return ref[:1] == "e" and ref[1:].isdecimal() and 1 <= int(ref[1:]) <= len(self._numbers)

    def number(self, page: Hashable, elements: Sequence[Element]) -> list[Element]:
        """The elements of the page with our references in place of Playwright's."""
        numbered = []
        now: dict[str, str] = {}
        for element in elements:
            if element.ref is None:
                numbered.append(element)
                continue
            key = (page, element.ref, element.role)
            ref = self._numbers.setdefault(key, f"e{len(self._numbers) + 1}")
            now[ref] = element.ref
            numbered.append(replace(element, ref=ref))
        self._playwright = MappingProxyType(now)
        return numbered
