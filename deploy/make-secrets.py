#!/usr/bin/env python3
"""Make what the parts of a cluster know each other by: an own certificate authority, a
certificate for each server and for the dashboard, and a password for each role on each server.

Nothing that is there is made again: run it once more after you removed a file, or for a certificate
with `--renew`, which keeps its names. Each file belongs to the user whose container reads it, and
nobody else may read it; only root can give files away, so run it as root, or with `--mine` for
servers that run as you.

    make-secrets.py deploy/secrets --also kafka=kafka.example.org
"""

import argparse
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 365
SOON = timedelta(days=30)
SLACK = timedelta(minutes=5)
"""Clocks differ: what is made now is valid from so long ago."""

PEIL = (10001, 10001)
OWNERS: Mapping[str, tuple[int, int]] = {
    "authority": (0, 0),
    "kafka": (1000, 1000),
    "elasticsearch": (1000, 0),
    "postgres": (999, 999),
    "setup": PEIL,
    "collect": PEIL,
    "enrich": PEIL,
    "index": PEIL,
    "dashboard": PEIL,
    "operator": PEIL,
}
"""A folder for each container, and the user and group that its process has: those of the images."""

HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
"""A name that a certificate can have, or a name for all below it."""

SERVERS = ("kafka", "elasticsearch", "postgres")
DASHBOARD = "dashboard"
SHOWN = (*SERVERS, DASHBOARD)
"""Who shows a certificate."""

ROLES: Mapping[str, Sequence[str]] = {
    "collect": SERVERS,
    "enrich": ("kafka", "postgres"),  # it asks the store nothing
    "index": SERVERS,
    DASHBOARD: ("elasticsearch", "postgres"),  # it opens no log
    "operator": SERVERS,
}
"""Which servers each role logs in at."""


class Folder:
    """The folder of all secrets. Files are made whole or not at all, and read-only."""

    def __init__(self, root: Path, *, mine: bool) -> None:
        self._root = root
        self._mine = mine
        self._make(root, (0, 0), 0o700)

    def path(self, name: str) -> Path:
        """Where the file of that name is, as `kafka/kafka.pem`."""
        return self._root / name

    def write(self, name: str, content: str | bytes, *, public: bool = False) -> None:
        """Make the file, or replace it."""
        path = self.path(name)
        owner = OWNERS.get(name.partition("/")[0], (0, 0))
        if path.parent != self._root:
            self._make(path.parent, owner, 0o700)
        draft = path.with_name(f".{path.name}.new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        draft.chmod(0o444 if public else 0o400)
        self._give(draft, owner)
        draft.replace(path)
        sys.stdout.write(f"made {path}\n")

    def _make(self, path: Path, owner: tuple[int, int], mode: int) -> None:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        path.chmod(mode)
        self._give(path, owner)

    def _give(self, path: Path, owner: tuple[int, int]) -> None:
        if not self._mine:
            os.chown(path, *owner)


class Authority:
    """The certificate authority of the cluster: made at the first start, then read again."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        key, certificate = folder.path("authority/ca.key"), folder.path("ca.crt")
        self.is_new = not key.exists() and not certificate.exists()
        if self.is_new:
            self._found()

    def _certificate(self) -> x509.Certificate:
        path = self._folder.path("ca.crt")
        held = _read(path) if path.exists() else None
        if held is None:
            state = "holds no certificate" if path.exists() else "is not there"
            sys.exit(f"{path} {state}: {self._anew()}")
        return held

    def _key(self) -> ec.EllipticCurvePrivateKey:
        """It may lie elsewhere as long as nothing is to be signed."""
        path = self._folder.path("authority/ca.key")
        if not path.exists():
            sys.exit(
                f"{path} is not there, and without it no certificate can be made that the others "
                f"trust: {self._anew()}"
            )
        try:
            held = load_pem_private_key(path.read_bytes(), password=None)
        except (TypeError, ValueError):  # the first: it has a password
            held = None
        if not isinstance(held, ec.EllipticCurvePrivateKey):
            sys.exit(f"{path} is no key that this program made: {self._anew()}")
        return held

    def _anew(self) -> str:
        files = (self._folder.path(name) for name in ("ca.crt", "authority/ca.key"))
        return (
            f"bring it back, or remove {' and '.join(map(str, files))}, run this again, which "
            "makes all certificates anew, and recreate all containers"
        )

    def _found(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("authority of peil's cluster")
        made = _signed(
            _builder(name, key.public_key(), issuer=name, days=AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signing=True), critical=True),
            by=key,
        )
        self._folder.write("authority/ca.key", _pem(key))
        self._folder.write("ca.crt", made, public=True)

    def issue(self, server: str, hosts: Iterable[str], *, days: int) -> None:
        """Make the files that `server` shows itself with, under all names in `hosts`."""
        signing, key = self._key(), ec.generate_private_key(ec.SECP256R1())
        issuer = self._certificate().subject
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]
        if server != DASHBOARD:  # whose key must not pass for that of a node among the servers
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        made = _signed(
            _builder(_name(server), key.public_key(), issuer=issuer, days=days)
            .add_extension(
                x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signing=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
                critical=False,
            ),
            by=signing,
        )
        if server == "kafka":  # it reads both from one file
            self._folder.write("kafka/kafka.pem", _pem(key) + made)
        else:
            self._folder.write(f"{server}/server.key", _pem(key))
            self._folder.write(f"{server}/server.crt", made)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host(name: str) -> x509.GeneralName:
    if _is_address(name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _read(path: Path) -> x509.Certificate | None:
    """The first certificate in that file; None when it holds none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return None


def _names(held: x509.Certificate | None) -> Sequence[str]:
    """The names and addresses that a certificate is for."""
    if held is None:
        return ()
    try:
        found = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:  # one that was put there by hand
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)
    return (*found.get_values_for_type(x509.DNSName), *map(str, addresses))


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, *, issuer: x509.Name, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signing,
        key_cert_sign=signing,
        crl_sign=signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, *, by: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(by, SHA256()).public_bytes(Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_certificates(
    folder: Folder, *, days: int, also: Mapping[str, Sequence[str]], renew: Sequence[str]
) -> None:
    """The authority and the certificates of all who show one, as far as they are missing. One that
    takes another's place has its names too.
    """
    authority = Authority(folder)
    for server in SHOWN:
        last = folder.path("kafka/kafka.pem" if server == "kafka" else f"{server}/server.crt")
        held = _read(last) if last.exists() else None
        if authority.is_new or server in renew or not last.exists():
            hosts = (server, "localhost", "127.0.0.1", *_names(held), *also.get(server, ()))
            authority.issue(server, dict.fromkeys(hosts), days=days)
            continue
        if held is None:
            sys.exit(f"{last} holds no certificate: look what it is, or --renew {server}")
        if held.not_valid_after_utc < datetime.now(UTC) + SOON:
            sys.stdout.write(
                f"{last} ends on {held.not_valid_after_utc:%Y-%m-%d}: --renew {server}\n"
            )


def make_passwords(folder: Folder) -> None:
    """A password for each role on each server, and those of the servers' own administrators."""
    for role, servers in ROLES.items():
        for server in servers:
            if not folder.path(f"{role}/{server}").exists():
                folder.write(f"{role}/{server}", _password())
    for server in ("elasticsearch", "postgres"):
        _share(folder, {f"{server}/password": "{}", f"setup/{server}": "{}"})
    # Kafka's own program reads an argument a line from it when it makes its folder.
    scram = "--add-scram\nSCRAM-SHA-512=[name=admin,password={}]\n"
    _share(folder, {"setup/kafka": "{}", "kafka/admin.arguments": scram})


def _share(folder: Folder, forms: Mapping[str, str]) -> None:
    """Files that hold one password, each in its form: those that are missing get that of the
    others, which a server may know already.
    """
    held = {name: folder.path(name) for name in forms if folder.path(name).exists()}
    if len(held) == len(forms):
        return
    password = _password()
    for name, path in held.items():
        before, after = forms[name].rstrip("\n").split("{}")
        text = path.read_text("utf-8").rstrip("\n")  # which editors add
        if not text.startswith(before) or not text.endswith(after):
            sys.exit(f"{path} holds no password as this program writes it: look what it is")
        password = text.removeprefix(before).removesuffix(after)
    for name in forms.keys() - held.keys():
        folder.write(name, forms[name].format(password))


def _password() -> str:
    """Letters and digits alone, so that no program has to quote it."""
    return secrets.token_hex(24)


def _server(text: str) -> str:
    if text not in SHOWN:
        raise argparse.ArgumentTypeError(f"there is no server {text!r}; there are {SHOWN}")
    return text


def _named(text: str) -> tuple[str, str]:
    server, _, host = text.partition("=")
    if not host:
        raise argparse.ArgumentTypeError("write it as SERVER=HOST")
    if HOST.fullmatch(host) is None and not _is_address(host):
        raise argparse.ArgumentTypeError(
            f"{host!r} is no name of a host, which has letters, digits, hyphens and dots alone"
        )
    return _server(server), host


def _days(text: str) -> int:
    if re.fullmatch("[0-9]{1,4}", text) is None or int(text) > AUTHORITY_DAYS:
        raise argparse.ArgumentTypeError(
            f"write a whole number from 1 to {AUTHORITY_DAYS}; 0, for a drill, ends at once"
        )
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it from a command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the secrets are kept")
    parser.add_argument(
        "--also", type=_named, action="append", default=[], metavar="SERVER=HOST",
        help="a further name or address that a server is reached by",
    )  # fmt: skip
    parser.add_argument(
        "--renew", type=_server, action="append", default=[], metavar="SERVER",
        help="make a new certificate for it, under all names that it has",
    )  # fmt: skip
    parser.add_argument(
        "--days", type=_days, default=CERTIFICATE_DAYS, help="how long certificates are valid"
    )
    parser.add_argument("--mine", action="store_true", help="all files stay those of who runs it")
    given = parser.parse_args(arguments)
    if not given.mine and os.geteuid() != 0:
        parser.error("only root can give the files to the containers' users; else say --mine")
    also: dict[str, list[str]] = {}
    for server, host in given.also:
        also.setdefault(server, []).append(host)
    try:
        folder = Folder(given.folder, mine=given.mine)
        make_certificates(folder, days=given.days, also=also, renew=given.renew)
        make_passwords(folder)
    except OSError as error:
        sys.exit(f"{error.filename or given.folder}: {error.strerror}; what was made before stays")


if __name__ == "__main__":
    main()
