"""Where the web may lead: to public addresses, and never into the house.

A name is looked up once, what it leads to is looked at, and the connection is made to that very
address: a name that changes its address between look and connect gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence

from stream.errors import Stop

Resolve = Callable[[str, int], Collection[str]]
"""From host and port to IP addresses; OSError when there are none."""

TRIED = 4
"""So many addresses of a host are tried, one after the other."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""An IPv4 address in its last 32 bits (RFC 6052)."""

UNICAST = ipaddress.ip_network("2000::/3")
"""All that is given out of IPv6 (RFC 4291, 2.4): nothing else is anybody's on the internet."""

RELAYS = ipaddress.ip_network("192.88.99.0/24")
"""Led to the nearest relay of 6to4, whoever runs it (RFC 7526)."""


def resolve(host: str, port: int) -> Collection[str]:
    """The addresses of `host`, by the system's resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no name of a host") from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Guard:
    """Says to which address a host leads. May be shared between threads."""

    def __init__(self, *, private_hosts: Collection[str] = (), resolve: Resolve = resolve) -> None:
        self._private_hosts = private_hosts
        self._resolve = resolve

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host` to connect to. Stop when one of them is private and the host is
        none that may have such; OSError when it has none. Blocks for the resolver.
        """
        addresses = list(self._resolve(host, port))
        if not addresses:
            raise OSError(f"{host} has no address")
        if host not in self._private_hosts and not all(map(_is_public, addresses)):
            raise Stop(
                f"{host} leads to a private address and is not fetched; when that is meant, name "
                "the host in the setting ingest.private_hosts"
            )
        return addresses[:TRIED]

    def connect(self, host: str, port: int, *, seconds: float) -> socket.socket:
        """A connection to `host`, `seconds` at most for each of its addresses; what `addresses`
        raises, and OSError when none can be reached.
        """
        *first, last = self.addresses(host, port)
        for address in first:
            try:
                return socket.create_connection((address, port), timeout=seconds)
            except OSError:
                continue  # the next one may answer, as where IPv6 leads nowhere
        return socket.create_connection((last, port), timeout=seconds)


def _is_public(address: str) -> bool:
    """Whether anybody on the internet may be reached there. An IPv4 address that is written as an
    IPv6 one is looked at as what it is: mapped, behind NAT64, 6to4 (RFC 3056), Teredo (RFC 4380).
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
        if parsed.teredo is not None:
            inner = parsed.teredo[1]
        if inner is not None:
            return _is_public(str(inner))
        return parsed.is_global and parsed in UNICAST
    return parsed.is_global and not parsed.is_multicast and parsed not in RELAYS
