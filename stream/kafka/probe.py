"""Which broker answers, or why none does: found out by a connection of our own.

Kafka's client tells only that it could not connect in time, whatever the reason.
"""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import errors as kafka_errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.broker_version_data import BrokerVersionData
from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse, MetadataRequest
from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from stream.errors import Retry, Stop

SECONDS = 3.0
LARGEST = 1 << 20
"""Bytes: no answer to what is asked here is longer."""

MAYBE = "it may be starting, or stream.kafka.security is not what it expects"


class NoKafkaError(Exception):
    """Something else than Kafka answers."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in and how."""

    mechanism: str
    user: str
    password: str = field(repr=False)


def answering(servers: Sequence[str], *, tls: ssl.SSLContext | None, login: Login | None) -> str:
    """The first server that answers as it should. Raises Stop when one before it refuses us, Retry
    when none answers.
    """
    reasons: list[str] = []
    for server in servers:
        try:
            if _knock(server, tls, login):
                return server
        except ssl.SSLCertVerificationError as error:
            raise Stop(
                f"{server}: its certificate is refused ({error.verify_message}); check "
                "stream.kafka.ca_file, or renew the certificate"
            ) from error
        except ssl.SSLError as error:
            if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
                raise Stop(f"{server} does not speak TLS; check stream.kafka.security") from error
            reasons.append(f"{server}: TLS was broken off; {MAYBE}")
        except OSError as error:
            reasons.append(f"{server}: {error.strerror or error}")
        except NoKafkaError:
            reasons.append(
                f"{server} does not answer as Kafka does; check stream.kafka.servers, and "
                "stream.kafka.security"
            )
        else:
            reasons.append(f"{server} accepts the connection and no more; {MAYBE}")
    raise Retry(f"no broker answers: {'; '.join(reasons)}")


def _knock(server: str, tls: ssl.SSLContext | None, login: Login | None) -> bool:
    """Whether it answers, and takes the login."""
    host, _, port = server.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS) as plain:
        if tls is None:
            return _speak(plain, server, login)
        with tls.wrap_socket(plain, server_hostname=host.strip("[]")) as secured:
            return _speak(secured, server, login)


def _speak(connection: socket.socket, server: str, login: Login | None) -> bool:
    try:
        answer = _ask(connection, ApiVersionsRequest(version=0), ApiVersionsResponse)
    except OSError:
        return False  # it is no broker, or expects another kind of connection
    versions = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
    try:
        BrokerVersionData(api_versions=versions).api_version(MetadataRequest)
    except kafka_errors.UnsupportedVersionError:
        raise Stop(
            f"{server} does not speak this client's protocol: use brokers of Kafka 3 or 4, or the "
            "release of peil that was made for them"
        ) from None
    return login is None or _log_in(connection, server, login)


def _log_in(connection: socket.socket, server: str, login: Login) -> bool:
    """The exchange of KIP-152; raises Stop when the login is refused."""
    offer = SaslHandshakeRequest(mechanism=login.mechanism, version=1)
    answer = _ask(connection, offer, SaslHandshakeResponse)
    if answer.error_code and not answer.mechanisms:
        raise Stop(f"{server} takes no login at this port; check stream.kafka.security")
    if answer.error_code:
        raise Stop(
            f"{server} does not know the login {login.mechanism}, it offers "
            f"{', '.join(answer.mechanisms)}; set stream.kafka.mechanism"
        )
    mechanism = get_sasl_mechanism(login.mechanism)(
        host=server,
        sasl_mechanism=login.mechanism,
        sasl_plain_username=login.user,
        sasl_plain_password=login.password,
    )
    while not mechanism.is_done():
        request = SaslAuthenticateRequest(auth_bytes=mechanism.auth_bytes(), version=1)
        answer = _ask(connection, request, SaslAuthenticateResponse)
        if answer.error_code == kafka_errors.SaslAuthenticationFailedError.errno:
            raise Stop(
                f"{server} refuses the login of {login.user!r} by {login.mechanism}; check "
                "stream.kafka.user and stream.kafka.password_file"
            )
        if answer.error_code:
            return False
        try:
            mechanism.receive(answer.auth_bytes)
        except Exception as error:
            raise NoKafkaError from error
    return True


def _ask(connection: socket.socket, request: Any, response: Any) -> Any:
    request.with_header(correlation_id=1, client_id="peil")
    connection.sendall(request.encode(header=True, framed=True))
    size = int.from_bytes(_receive(connection, 4))
    if size > LARGEST:
        raise NoKafkaError
    answer = _receive(connection, size)
    try:
        return response.decode(answer, version=request.API_VERSION, header=True)
    except Exception as error:  # whatever its bytes led the decoder to
        raise NoKafkaError from error


def _receive(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        some = connection.recv(size - len(found))
        if not some:
            raise ConnectionError("the connection was closed")
        found += some
    return found
