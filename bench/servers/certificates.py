"""Certificates for servers of this machine, made when they are needed."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of one server, as PEM; `both` holds the key and the certificate."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """A certificate authority for tests. Clients trust `file`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority for tests")
        self.file = folder / "authority.pem"
        made = (
            self._builder(self._name, self._key.public_key(), start=-DAY, end=10 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signing=True), critical=True)
            .sign(self._key, SHA256())
        )
        self.file.write_bytes(made.public_bytes(Encoding.PEM))

    def issue(self, name: str, *, expired: bool = False) -> Certificate:
        """A certificate for `localhost` and 127.0.0.1; an expired one ended an hour ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            self._builder(
                _name(name),
                key.public_key(),
                start=-DAY,
                end=-timedelta(hours=1) if expired else 10 * DAY,
            )
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signing=False), critical=True)
            .sign(self._key, SHA256())
        )
        found = Certificate(
            self._folder / f"{name}.crt", self._folder / f"{name}.key", self._folder / f"{name}.pem"
        )
        public = made.public_bytes(Encoding.PEM)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for path, content in (
            (found.certificate, public),
            (found.key, private),
            (found.both, private + public),
        ):
            path.touch(mode=0o600)
            path.write_bytes(content)
        return found

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, start: timedelta, end: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + start)
            .not_valid_after(now + end)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


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
