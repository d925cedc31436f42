"""The allow-list: where an agent's browser may go, and why it may not go elsewhere."""

import difflib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from agentkit_envs.browser.guard.ip_addresses import Address, is_localhost, kind_of, literal
from agentkit_envs.browser.guard.origins import (
    PORTS,
    Origin,
    clean,
    read_host,
    read_origin,
    scheme_of,
    split_port,
)

ANY = "*"
NOT_LISTED = "not on the allow-list"
_BLANK = "about:blank"
_PASSWORD = re.compile(r":(?!//)[^/\\?#]*@")
_FORMS = (
    "an origin (https://shop.example), a host for both http and https (shop.example), "
    "subdomains (https://*.example.org), a folder (file:///srv/pages/) or * for every "
    "public address"
)


@dataclass(frozen=True, slots=True)
class AllowList:
    """The origins, subdomains and folders that may be reached; everything else is refused."""

    listed: frozenset[Origin] = frozenset()
    """By name, so they may be private."""
    under: frozenset[Origin] = frozenset()
    """Every subdomain of these hosts, if it is public."""
    folders: tuple[Path, ...] = ()
    """The files inside these, without links in their paths."""
    everywhere: bool = False
    """Every public origin."""

    @classmethod
    def parse(cls, url: str | None, allow: Sequence[str] = ()) -> "AllowList":
        """The allow-list of a start page, whose origin is on it by that, and the listed entries.

        Raises:
            ValueError: With every problem of all of them.
        """
        if isinstance(allow, str):
            raise ValueError(f"allow is a list of origins, not one text: write [{allow!r}]")
        entries, problems = _Entries(), list[str]()
        start = clean(url) if url is not None else _BLANK
        by_name = scheme_of(start) in PORTS
        if by_name:
            where = f"url = {_shown(url)}"
            _attempt(problems, where, lambda: entries.origins.add(read_origin(start)))
        for place, entry in enumerate(allow):
            _attempt(problems, f"allow[{place}] = {_shown(entry)}", partial(entries.add, entry))
        made = entries.made()
        if not by_name and (reason := made.refuses(start)):
            problems.insert(0, f"url = {_shown(url)}: {reason}{_meant(start, path=True)}")
        if problems:
            raise ValueError("\n".join(problems))
        return made

    @property
    def origins(self) -> tuple[str, ...]:
        """The entries, sorted, in the spelling of browsers."""
        subdomains = (str(origin).replace("://", "://*.", 1) for origin in self.under)
        folders = (folder.as_uri().rstrip("/") + "/" for folder in self.folders)
        every = (ANY,) if self.everywhere else ()
        return (*every, *sorted({*map(str, self.listed), *subdomains, *folders}))

    def refuses(self, url: str) -> str | None:
        """Why a page must not be gone to, in plain words; None if it may be.

        The addresses that a name stands for are not looked up here: the gate does that when it
        connects.
        """
        url = clean(url)
        if url == _BLANK:
            return None
        try:
            if scheme_of(url) == "file":
                return self._refuses_file(file_path(url))
            origin = read_origin(url)
        except ValueError as problem:
            return str(problem)
        reason = self.refuses_origin(origin)
        return reason and f"{origin} is {reason}"

    def refuses_origin(self, origin: Origin) -> str | None:
        """Why nothing must be asked of an origin (`it is ...`); None if it may be."""
        if origin in self.listed:
            return None
        wild = self.everywhere or self._is_under(origin)
        if not wild:
            return NOT_LISTED
        address = literal(origin.host)
        kind = "loopback" if is_localhost(origin.host) else address and kind_of(address)
        if kind:
            return f"a {kind} address, which has to be listed by its own name"
        return None

    def refuses_address(self, origin: Origin, address: Address) -> str | None:
        """Why an address must not be connected to (`it is ...`) that an allowed host stands for.

        A name of the public internet can be made to stand for an address of this computer or
        its network; that address has to be on the list as well.
        """
        kind = kind_of(address)
        if kind is None or literal(origin.host) is not None or is_localhost(origin.host):
            return None
        there = Origin(origin.scheme, str(address), origin.port)
        if there in self.listed:
            return None
        return f"at {address}, a {kind} address, and {there} is {NOT_LISTED}"

    def _is_under(self, origin: Origin) -> bool:
        return any(
            (origin.scheme, origin.port) == (top.scheme, top.port)
            and origin.host.endswith("." + top.host)
            for top in self.under
        )

    def _refuses_file(self, path: Path) -> str | None:
        # Links are followed first: what counts is which file would be read.
        real = Path(os.path.realpath(path))
        if any(real.is_relative_to(folder) for folder in self.folders):
            return None
        folder = path.parent.as_uri().rstrip("/")
        return f"{path.as_uri()} is in no folder of the allow-list; list its folder, {folder}/"


class _Entries:
    """What a list of entries adds up to."""

    def __init__(self) -> None:
        self.origins: set[Origin] = set()
        self.under: set[Origin] = set()
        self.folders: list[Path] = []
        self.everywhere = False

    def made(self) -> AllowList:
        origins, under = frozenset(self.origins), frozenset(self.under)
        return AllowList(origins, under, tuple(self.folders), self.everywhere)

    def add(self, entry: object) -> None:
        """Raise ValueError if it has none of the forms."""
        if not isinstance(entry, str) or not clean(entry):
            raise ValueError(f"expected {_FORMS}")
        text = clean(entry)
        if text == ANY:
            self.everywhere = True
        elif scheme_of(text) == "file":
            self.folders.append(_folder(text))
        else:
            self._add_host(text)

    def _add_host(self, text: str) -> None:
        scheme, mark, rest = text.rpartition("://")
        schemes = (scheme.lower(),) if mark else tuple(PORTS)
        if not set(schemes) <= set(PORTS):
            raise ValueError(f"expected {_FORMS}{_meant(text)}")
        authority = rest.removesuffix("/")
        if strange := set("/?#@\\%") & set(authority):
            raise ValueError(
                f"an entry is an origin, without user, path or query: leave out what belongs to "
                f"{''.join(sorted(strange))!r}{_meant(text)}"
            )
        if authority == ANY:
            raise ValueError("'*' is no name of a host. For every public address write *")
        wild = authority.startswith("*.")
        host, port = split_port(authority.removeprefix("*."))
        host = read_host(host)
        if wild and (literal(host) is not None or is_localhost(host)):
            raise ValueError("the address of a computer has no subdomains: name each origin")
        for scheme in schemes:
            origin = Origin(scheme, host, PORTS[scheme] if port is None else port)
            (self.under if wild else self.origins).add(origin)


def file_path(url: str) -> Path:
    """The path of a file: address.

    Raises:
        ValueError: If it is on another computer, or if a browser could read it as another path.
    """
    parts = urlsplit(clean(url).replace("\\", "/"))
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{url!r} is a file of another computer")
    if not parts.path.startswith("/"):
        raise ValueError(f"{url!r} is no whole path: write file:///folder/page.html")
    if any(code in parts.path.lower() for code in ("%2f", "%5c", "%00")):
        raise ValueError(f"{url!r} has a slash or a zero written with %")
    return Path(os.path.normpath(unquote(parts.path)))


def _folder(url: str) -> Path:
    folder = file_path(url)
    if folder.is_dir():
        return Path(os.path.realpath(folder))
    if folder.exists():
        raise ValueError(f"{folder} is a file: list the folder, {folder.parent.as_uri()}/")
    raise ValueError(f"there is no folder {folder}")


def _attempt(problems: list[str], where: str, work: Callable[[], None]) -> None:
    try:
        work()
    except ValueError as problem:
        problems.append(f"{where}: {problem}")


def _shown(entry: object) -> str:
    """What was given, without a password in it."""
    return repr(_PASSWORD.sub(":…@", entry) if isinstance(entry, str) else entry)


def _meant(text: str, *, path: bool = False) -> str:
    """A question for what was probably meant, or nothing: an origin, or with its path."""
    scheme, mark, rest = text.rpartition("://")
    near = difflib.get_close_matches(scheme.lower(), list(PORTS), 1) if mark else ["https"]
    try:
        guess = f"{near[0]}://{rest.removeprefix('*.')}"
        origin = read_origin(guess)
    except (IndexError, ValueError):
        return ""
    if not mark and (is_localhost(origin.host) or literal(origin.host)):
        guess = f"http://{rest}"  # hardly a server there has a certificate
        origin = read_origin(guess)
    if path and "@" not in guess:
        return f". Did you mean {guess}?"
    stars = "://*." if rest.startswith("*.") else "://"
    return f". Did you mean {str(origin).replace('://', stars, 1)}?"
