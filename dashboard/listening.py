"""Where the dashboard listens, opened before the server is made: what keeps it from it is told in
words, and at once.
"""

import errno
import os
import socket

from dashboard.site import Site
from stream.errors import Stop

BACKLOG = 2_048
"""So many connections may wait to be answered."""

MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""A name may have an address of a kind that this machine does not speak, beside another."""


def open_doors(site: Site) -> list[socket.socket]:
    """Listen on every address of `site`, before anything else is made for it. Stop when it cannot
    be; the message says why and what to do.
    """
    host, port = site.host, site.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise Stop(
            f"dashboard.listen: {host} has no address here ({error.strerror}); write an address of "
            "this machine, as 127.0.0.1:8300"
        ) from error
    doors: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                doors.append(_listening(family, kind, protocol, address))
            except OSError as error:
                if error.errno not in MISSING:
                    raise
                missing = error
        if not doors and missing is not None:
            raise missing
    except OSError as error:
        for door in doors:
            door.close()
        raise Stop(f"the dashboard cannot listen on {host}:{port}: {_why(error, site)}") from error
    return doors


def try_doors(site: Site) -> None:
    """Stop when nobody could listen there now: for whoever has long work to do before."""
    for door in open_doors(site):
        door.close()


def _listening(
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    protocol: int,
    address: tuple[str | int | bytes, ...],
) -> socket.socket:
    door = socket.socket(family, kind, protocol)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        door.bind(address)
        door.listen(BACKLOG)  # only who listens keeps others from it
    except OSError:
        door.close()
        raise
    return door


def _why(error: OSError, site: Site) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            host = f"[{site.host}]" if ":" in site.host else site.host
            return (
                "something else does, perhaps another dashboard; end it, or set dashboard.listen "
                f"to a free port, as with `peil --set dashboard.listen={host}:{site.port + 1} …`"
            )
        case errno.EACCES:
            return "this user may not; set dashboard.listen to a port above 1023"
        case _:
            said = os.strerror(error.errno) if error.errno else str(error)
            return f"{said}; set dashboard.listen to an address of this machine, as 127.0.0.1:8300"
