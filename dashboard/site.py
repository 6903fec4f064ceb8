"""Where the dashboard is: what it listens on, under which name it is known, and who stands before
it. Nothing leaves the machine in the open, so elsewhere than on loopback there is TLS.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from dashboard.settings import DashboardSettings
from stream.errors import Stop

LOCALHOST = "localhost"
SHARED_BITS = 64
"""One household or office has at least so many bits of IPv6 in common: it counts as one address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The doors of one dashboard. `address` and `proxy` are empty without one."""

    host: str
    port: int
    address: str
    proxy: str
    certificate: tuple[str, str] | None

    @classmethod
    def of(cls, settings: DashboardSettings) -> Self:
        """The site of these settings; Stop when it could be reached without TLS, or under a name
        that nobody knows.
        """
        host, _, port = settings.listen.rpartition(":")
        host = host.strip("[]")
        certificate = _certificate(settings)
        outside = not _is_loopback(host)
        if outside and certificate is None and not settings.proxy:
            raise Stop(
                f"dashboard.listen is {settings.listen}, where others could read along: set "
                "dashboard.certificate_file and dashboard.key_file, or name the proxy that speaks "
                "TLS in dashboard.proxy, or listen on 127.0.0.1"
            )
        if (outside or settings.proxy) and not settings.address:
            raise Stop(
                "dashboard.address is empty: write what people type to come here, as "
                "https://peil.example.org, so that requests for other hosts can be refused"
            )
        if settings.address and certificate is None and not settings.proxy:
            raise Stop(
                f"dashboard.address is {settings.address}, but nothing speaks TLS: set "
                "dashboard.certificate_file and dashboard.key_file, or dashboard.proxy"
            )
        return cls(
            host=host,
            port=int(port),
            address=settings.address.removesuffix(":443"),  # browsers leave it out
            proxy=settings.proxy,
            certificate=certificate,
        )

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.certificate is not None or bool(self.proxy)

    @property
    def is_local(self) -> bool:
        """Whether it is one's own machine alone that can come here."""
        return not self.address

    @property
    def cookie(self) -> str:
        """The name of the session's cookie. Over TLS no other host and no plain page can set it;
        without, ports of one machine share cookies, so the port is in it.
        """
        return "__Host-peil" if self.is_secure else f"peil-{self.port}"

    def link(self, path: str) -> str:
        """`path` as somebody can open it."""
        if self.address:
            return self.address + path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_secure else 'http'}://{host}:{self.port}{path}"

    def is_named(self, host: str) -> bool:
        """Whether a request for `host`, as its header says, is for this site. A page elsewhere
        that makes its own name point here is thereby refused.
        """
        if self.address:
            return host.lower() == urlsplit(self.address).netloc.lower()
        try:
            return _is_loopback(urlsplit(f"//{host}").hostname or "")
        except ValueError:
            return False

    def origin(self, host: str) -> str:
        """What a browser says it is on, when it is here. `host` is a name of this site."""
        return (self.address or f"{'https' if self.is_secure else 'http'}://{host}").lower()

    def is_answered(self, scope: Mapping[str, Any]) -> bool:
        """Whether whoever connects may: with a proxy, it alone, and for who came to it by TLS."""
        if not self.proxy:
            return True
        scheme = _header(scope, b"x-forwarded-proto") or "https"
        return _connected(scope) == self.proxy and scheme == "https"

    def client(self, scope: Mapping[str, Any]) -> str:
        """The address that asks, as far as requests are counted by it: what the proxy saw, or the
        proxy's own where it says none.
        """
        connected, machine = _connected(scope), None
        if self.proxy:
            # The last one is what the proxy added; what stands before it anybody can write.
            forwarded = _header(scope, b"x-forwarded-for").rpartition(",")[2].strip()
            machine = _machine(_without_port(forwarded))
        machine = machine or _machine(connected)
        if machine is None:
            return connected
        if isinstance(machine, IPv6Address):
            if machine.ipv4_mapped is not None:
                return str(machine.ipv4_mapped)
            return str(ip_network((machine, SHARED_BITS), strict=False))
        return str(machine)

    def server_options(self) -> dict[str, Any]:
        """What uvicorn is to be started with. It reads no header of a proxy itself, names itself
        to nobody, and keeps no log of addresses and paths beside the access log.
        """
        options: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "proxy_headers": False,
            "server_header": False,
            "access_log": False,
        }
        if self.certificate is not None:
            options["ssl_certfile"], options["ssl_keyfile"] = self.certificate
        return options


def _certificate(settings: DashboardSettings) -> tuple[str, str] | None:
    files = (settings.certificate_file, settings.key_file)
    if not any(files):
        return None
    names = ("dashboard.certificate_file", "dashboard.key_file")
    given = dict(zip(names, files, strict=True))
    if empty := next((name for name, file in given.items() if not file), None):
        raise Stop(f"{empty} is empty; the certificate and its key belong together")
    for name, file in given.items():
        try:
            there = Path(file).is_file()
        except OSError as error:  # a folder on the way is closed to this user
            raise Stop(
                f"{name}: {file} cannot be read ({error.strerror}); check the path"
            ) from error
        if not there:
            raise Stop(f"{name}: there is no file {file}; check the path")
    try:
        # Nobody is asked for a password: a key that needs one is refused.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files, password=lambda: "")
    except OSError as error:
        raise Stop(
            f"{' and '.join(names)} do not fit together, or cannot be read ({error}); give the "
            "certificate with its chain, and its key without a password, as PEM"
        ) from error
    return files


def _is_loopback(host: str) -> bool:
    if host.lower() == LOCALHOST:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _machine(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _without_port(said: str) -> str:
    """The address in `192.0.2.1:5678` or `[2001:db8::1]:5678`, as some proxies write it: the port
    is another one each time.
    """
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0] if said.count(":") == 1 else said


def _connected(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    """What the last header of that name says: that of who is nearest."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[-1].decode("latin-1") if found else ""
