"""Where the web may lead: to public addresses, and never into the house.

A name is looked up once, what it leads to is looked at, and the connection is made to that very
address: a name that changes its address between look and connect gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection

import httpx2

from stream.errors import Stop

Resolve = Callable[[str, int], Collection[str]]
"""From host and port to IP addresses; OSError when there are none."""


def resolve(host: str, port: int) -> Collection[str]:
    """The addresses of `host`, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


class Guard:
    """Says to which address a host leads. May be shared between threads."""

    def __init__(self, *, private_hosts: Collection[str] = (), resolve: Resolve = resolve) -> None:
        self._private_hosts = private_hosts
        self._resolve = resolve

    def address(self, host: str, port: int) -> str:
        """The address of `host` to connect to. Stop when one of its addresses is private and the
        host is none that may have such; OSError when it has none. Blocks for the resolver.
        """
        addresses = self._resolve(host, port)
        refused = [each for each in addresses if not ipaddress.ip_address(each).is_global]
        if refused and host not in self._private_hosts:
            raise Stop(
                f"{host} leads to a private address and is not fetched; when that is meant, name "
                "the host in the setting ingest.private_hosts"
            )
        return next(iter(addresses))

    def connect(self, host: str, port: int, *, seconds: float) -> socket.socket:
        """A connection to `host`; what `address` raises, and OSError when it cannot be made."""
        return socket.create_connection((self.address(host, port), port), timeout=seconds)


class GuardedTransport(httpx2.BaseTransport):
    """Requests of a client go only where the guard lets them."""

    def __init__(self, guard: Guard) -> None:
        self._inner = httpx2.HTTPTransport(retries=0)
        self._guard = guard

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host, port = request.url.host, request.url.port
        address = self._guard.address(host, port or (443 if request.url.scheme == "https" else 80))
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
