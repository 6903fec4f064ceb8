"""When the certificates that are shown come to their end."""

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import make_url

from peil.settings import Settings

SECONDS = 3.0
TLS_PLEASE = (8).to_bytes(4) + (80877103).to_bytes(4)
"""What PostgreSQL is asked for TLS with, before anything else (its message `SSLRequest`)."""

POSTGRES_PORT = 5432


class Place(NamedTuple):
    """Where a server speaks TLS, and what it is."""

    server: str
    host: str
    port: int


def places(settings: Settings) -> Iterator[Place]:
    """The servers of `settings` that are to speak TLS."""
    if "SSL" in settings.stream.kafka.security.split("_"):
        for each in settings.stream.kafka.servers:
            host, _, port = each.rpartition(":")
            yield Place("kafka", host.strip("[]"), int(port))
    for each in settings.index.elastic.servers:
        url = urlsplit(each)
        if url.scheme == "https" and url.hostname and url.port:
            yield Place("elasticsearch", url.hostname, url.port)
    if settings.database.url:
        address = make_url(settings.database.url)
        if address.host and address.query.get("sslmode") not in {None, "disable"}:
            yield Place("postgres", address.host, address.port or POSTGRES_PORT)


def end_of(place: Place) -> datetime | None:
    """When the certificate that is shown at `place` ends; None when none is shown. Whether it is
    to be trusted is not looked at: nothing is sent there.
    """
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((place.host, place.port), timeout=SECONDS) as plain:
            if place.server == "postgres":
                plain.sendall(TLS_PLEASE)
                if plain.recv(1) != b"S":
                    return None
            with anybody.wrap_socket(plain, server_hostname=place.host) as secured:
                shown = secured.getpeercert(binary_form=True)
    except (OSError, OverflowError, UnicodeError):  # the last two: an address that is none
        return None
    return x509.load_der_x509_certificate(shown).not_valid_after_utc if shown else None


def end_in(file: Path) -> datetime:
    """When the first certificate in that file of PEM ends: that of whoever shows it."""
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
