"""Which network addresses belong to the public internet, and which to this place alone."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# A network of either kind carries an IPv4 address at the end: whoever reaches it reaches that one.
_CARRIERS = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
# Whether these are global, Python says differently by its version.
_LOCAL: tuple[IPv4Network | IPv6Network, ...] = (
    *map(IPv4Network, ("100.64.0.0/10", "192.0.0.0/24")),
    *map(IPv6Network, ("64:ff9b:1::/48", "3fff::/20", "fec0::/10")),
)


def kind_of(address: Address) -> str | None:
    """What keeps an address out of the public internet, such as `loopback`; None if nothing does.

    An IPv6 address that stands for an IPv4 address is judged as that one too.
    """
    inner = _carried(address)
    if inner is not None and (kind := kind_of(inner)):
        return kind
    kinds = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "reserved": address.is_reserved and inner is None,
        "private": not address.is_global and inner is None,
    }
    local = any(address in network for network in _LOCAL)
    return next((kind for kind, holds in kinds.items() if holds), "private" if local else None)


def literal(host: str) -> Address | None:
    """The address that a host is itself, as in 127.0.0.1 or ::1; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_localhost(host: str) -> bool:
    """Whether a name is this computer's own by definition; it is never looked up."""
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _carried(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if int(address) > 1 and any(address in network for network in _CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
