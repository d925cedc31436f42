"""The origin of an address, read as a browser reads it: scheme, host and port."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a page comes from; `str(origin)` is as a browser writes it."""

    scheme: str
    host: str
    """In small letters; an IPv6 address without its brackets."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def clean(url: str) -> str:
    """The address without what a browser drops: blanks at its ends, tabs and line ends in it."""
    return re.sub(r"[\t\r\n]", "", url.strip("".join(map(chr, range(33)))))


def scheme_of(url: str) -> str:
    """The scheme in small letters, or nothing if the address names none."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def read_origin(url: str) -> Origin:
    """The origin of an http or https address, however oddly it is spelled.

    Raises:
        ValueError: With the reason, where a browser would not go there either, or where it is
            not certain where a browser would go.
    """
    url = clean(url)
    scheme = scheme_of(url)
    if scheme not in PORTS:
        named = scheme and not url[len(scheme) + 1 :].isdecimal()
        other = f", not with {scheme}:" if named else ""
        raise ValueError(f"an address begins with https:// or http://{other}")
    rest = url[len(scheme) + 1 :].replace("\\", "/").lstrip("/")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host, port = split_port(authority.rpartition("@")[2])
    return Origin(scheme, read_host(host), PORTS[scheme] if port is None else port)


def split_port(authority: str) -> tuple[str, int | None]:
    """Host (an IPv6 address in its brackets) and port of `host:port`."""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", authority)
    if found is None:
        raise ValueError(f"{authority!r} is no host with a port")
    if not found[2]:
        return found[1], None
    port = int(found[2][:9])
    if not 0 < port < 65536:
        raise ValueError(f"there is no port {found[2]}: ports are 1 to 65535")
    return found[1], port


def read_host(host: str) -> str:
    """A host in the spelling that a browser gives it: 0x7f.1 is 127.0.0.1."""
    if host.startswith("["):
        return _ipv6(host)
    try:
        plain = unquote_to_bytes(host).decode()
    except UnicodeDecodeError:
        raise ValueError(f"the host {host!r} is not UTF-8") from None
    name = _ascii(plain)
    if not name:
        raise ValueError("there is no host in it")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(f"{host!r} is no name of a host")
    parts = name.removesuffix(".").split(".")
    return _ipv4(host, parts) if _NUMBER.fullmatch(parts[-1]) else name


def _ascii(name: str) -> str:
    if name.isascii():
        return name.lower()
    # Python writes some letters (such as the German sharp s) as others, browsers keep them: a
    # name that does not come back as it was would be another host.
    try:
        encoded = name.encode("idna").decode().lower()
        if encoded.encode().decode("idna") == name.lower():
            return encoded
    except UnicodeError:
        pass
    raise ValueError(f"the host {name!r} is to be written in plain letters (xn--...)")


def _ipv4(host: str, parts: list[str]) -> str:
    values = [_number(part) for part in parts]
    *first, last = values
    if len(values) > 4 or any(value > 255 for value in first) or last >= 256 ** (4 - len(first)):
        raise ValueError(f"{host!r} is no IPv4 address")
    total = last + sum(value << 8 * (3 - place) for place, value in enumerate(first))
    return str(IPv4Address(total))


def _number(part: str) -> int:
    """A part of an IPv4 address: decimal, 0x and hexadecimal, or 0 and octal."""
    base = 16 if part.startswith("0x") else 8 if part.startswith("0") and len(part) > 1 else 10
    digits = part[2:] if base == 16 else part
    try:
        if _NUMBER.fullmatch(part):
            return int(digits or "0", base)
    except ValueError:
        pass
    raise ValueError(f"{part!r} is no number of an IPv4 address")


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host[1:-1] if host.endswith("]") else "")
    except AddressValueError:
        raise ValueError(f"{host!r} is no IPv6 address") from None
    if address.scope_id is not None:
        raise ValueError(f"{host!r} names a network card (%), which no browser reads")
    mapped = address.ipv4_mapped
    if mapped is None:
        return address.compressed
    # A browser writes ::ffff:7f00:1 where Python writes ::ffff:127.0.0.1, by its version.
    high, low = divmod(int(mapped), 1 << 16)
    return f"::ffff:{high:x}:{low:x}"
