"""The connection to Elasticsearch, and its errors as those of peil."""

import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from elastic_transport import ConnectionTimeout, SerializationError, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
from elasticsearch.serializer import JsonSerializer
from msgspec import ValidationError

from index.contract import TooBroad
from index.elastic.node import Node
from index.settings import ElasticSettings
from stream.authority import trusting
from stream.errors import Retry, Stop
from stream.secrets import secret

MAJOR = 8
TESTED = (8, 19)
"""The minor version that peil is tested with; older ones of the same major are told."""

UNAUTHORISED, FORBIDDEN, MISSING = 401, 403, 404
LOGIN_TRIES = 6
LOGIN_SECONDS = 1.0
"""An Elasticsearch that starts answers for some seconds that it knows nobody."""

AWAY = frozenset({429, 500, 502, 503, 504})
"""Statuses that pass."""

OTHER_MAJOR = "media_type_header_exception"
"""What one says to the headers of a client of another major version."""

NUMBER = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}(?![0-9])")

JSON = ("application/json", "application/vnd.elasticsearch+json")

WIDE = re.compile("too_many(_nested)?_clauses|expanded to too many terms")


class Gone(Retry):
    """An index is not there (any more): see anew which there are."""


class TooWide(TooBroad):
    """A query has more words, prefixes written out, than Elasticsearch looks for at once."""


class _Unknown(Stop):
    """The login is not accepted."""


class _Objects(JsonSerializer):
    """Every answer to what peil asks is a JSON object."""

    def json_loads(self, data: bytes) -> Any:
        found = super().json_loads(data)
        if not isinstance(found, dict):
            raise TypeError
        return found


class Cluster:
    """A client, made once a process; nothing is sent before it is asked something."""

    def __init__(
        self, settings: ElasticSettings, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._pause = pause
        self.name = f"Elasticsearch at {', '.join(settings.servers)}"
        options = _login(settings)
        if settings.ca_file:
            trusting(settings.ca_file, setting="index.elastic.ca_file")
            options["ca_certs"] = settings.ca_file
        try:
            self.client = Elasticsearch(
                list(settings.servers),
                node_class=Node,
                request_timeout=settings.seconds,
                # Another node may answer; what waits and tries again is the worker.
                max_retries=len(settings.servers) - 1,
                retry_on_timeout=False,
                serializers={each: _Objects() for each in JSON},
                **options,
            )
        except ValueError as error:
            raise Stop(f"index.elastic: {error}") from error
        self._seconds = settings.seconds
        self._known = False

    def check(self) -> None:
        """Once: that this is an Elasticsearch that peil knows how to ask; Stop when it is not."""
        if self._known:
            return
        version = self._number()
        self.version = tuple(int(part) for part in version.split(".")[:2])
        if self.version[0] != MAJOR:
            raise Stop(
                f"{self.name} is version {version}; peil needs {MAJOR}.x, tested with "
                f"{'.'.join(map(str, TESTED))}"
            )
        self._known = True

    def _number(self) -> str:
        for _ in range(LOGIN_TRIES - 1):
            with suppress(_Unknown):
                return self._said_number()
            self._pause(LOGIN_SECONDS)
        return self._said_number()

    def _said_number(self) -> str:
        with self.asked():
            said = self.client.info().get("version")
        number = said.get("number") if isinstance(said, Mapping) else None
        if not NUMBER.match(str(number)):
            raise Stop(f"{self.name}: what answers there is not Elasticsearch")
        return str(number)

    @contextmanager
    def asked(self) -> Generator[None]:
        """Errors of what is asked within as those of peil. None repeats what was sent."""
        try:
            yield
        except UnsupportedProductError:
            raise Stop(f"{self.name}: what answers there is not Elasticsearch") from None
        except ApiError as error:
            raise self._refused(error) from None
        except TlsError as error:
            raise Stop(f"{self.name}: {_tls(_chain(error))}") from None
        except ConnectionTimeout:
            raise Retry(f"{self.name} did not answer within {self._seconds:g} s") from None
        except (SerializationError, ValidationError):  # which quote what did not fit
            raise Retry(
                f"{self.name}: its answer was cut, is no JSON object or lacks what it must hold; "
                "when it stays so, see what stands between, such as a proxy"
            ) from None
        except TransportError as error:
            raise Retry(f"{self.name} cannot be reached: {_short(_chain(error))}") from None

    def _refused(self, error: ApiError) -> Exception:
        body = error.body if isinstance(error.body, Mapping) else {}
        said = body.get("error")
        detail = said if isinstance(said, Mapping) else {}
        return self.refusal(error.meta.status, detail)

    def refusal(self, status: int, detail: Mapping[str, Any]) -> Exception:
        """The error for an answer of this status with this `error` in it."""
        kinds, reasons = kinds_of(detail), _reasons(detail)
        kind = kinds[-1] if kinds else "no reason given"
        blocked = next((each for each in reasons if "blocked by" in each), None)
        if blocked is not None:
            return Retry(f"{self.name}: {block(blocked)}")
        if status == UNAUTHORISED and self._known:
            return Retry(
                f"{self.name} does not accept the login any more (401): while it starts it knows "
                "nobody; when it stays so, the user or key was changed"
            )
        if status == UNAUTHORISED:
            return _Unknown(
                f"{self.name} does not accept the login (401): check index.elastic.user and "
                "password_file, or api_key_file"
            )
        if status == FORBIDDEN:
            action = re.search(r"action \[([^\]]+)\]", " ".join(reasons))
            return Stop(
                f"{self.name} does not allow {action[1] if action else 'this'} (403): give the "
                "user or key the role that `peil doctor --setup` makes"
            )
        if OTHER_MAJOR in kinds:
            return Stop(f"{self.name} is of another major version: peil needs {MAJOR}.x")
        if WIDE.search(" ".join((*kinds, *reasons))):
            return TooWide(
                "the question has too many words at once: use shorter lists, and longer prefixes "
                "beside NEAR"
            )
        if status == MISSING:
            return Gone(f"{self.name}: an index or a search is gone ({kind})")
        if status in AWAY:
            return Retry(f"{self.name} is busy or not whole ({status}, {kind})")
        return Stop(f"{self.name} refused what peil asked ({status}, {kind})")


def block(reason: str) -> str:
    """What to say of a block that Elasticsearch gives as the reason of a refusal."""
    if "flood-stage" in reason or "read-only / allow delete" in reason:
        return (
            "its disk is full and it takes no posts (flood stage); make room there, it goes on "
            "by itself"
        )
    if "index write (api)" in reason:
        return (
            "an index takes no posts while it is written anew by `peil expire`; when that was "
            "ended, start it again"
        )
    return "an index, or all of it, takes no posts; see its blocks"


def kinds_of(detail: Mapping[str, Any]) -> list[str]:
    """The types of an error and its causes, the deepest last."""
    return [str(each["type"]) for each in _causes(detail) if each.get("type")]


def _reasons(detail: Mapping[str, Any]) -> list[str]:
    return [str(each["reason"]) for each in _causes(detail) if each.get("reason")]


def _causes(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found, shards = [detail], detail.get("failed_shards")
    below = (
        [each.get("reason") for each in shards if isinstance(each, Mapping)]
        if (isinstance(shards, list))
        else []
    )
    for each in (*below, detail.get("caused_by")):
        if isinstance(each, Mapping):
            found += _causes(each)
    return found


def _login(settings: ElasticSettings) -> dict[str, Any]:
    key = secret(settings.api_key, settings.api_key_file, setting="index.elastic.api_key")
    if key:
        if not key.isascii():
            raise Stop(
                "index.elastic.api_key_file: it is no encoded API key, which is ASCII; write "
                "what Elasticsearch gave as `encoded`"
            )
        return {"api_key": key}
    if not settings.user:
        return {}
    password = secret(settings.password, settings.password_file, setting="index.elastic.password")
    if not password:
        raise Stop("index.elastic.user is set: set index.elastic.password_file too")
    if not (settings.user + password).isascii():
        raise Stop(
            "index.elastic.user and its password must be ASCII here; change them, or use "
            "api_key_file"
        )
    return {"basic_auth": (settings.user, password)}


def _tls(message: str) -> str:
    if "WRONG_VERSION_NUMBER" in message:
        return "it does not speak TLS; write http:// in index.elastic.servers"
    reason = re.search(r"certificate verify failed: ([^(\[]+)", message)
    if reason:
        return (
            f"its certificate is not accepted ({reason[1].strip()}); check index.elastic.ca_file "
            "and the certificate's dates and names"
        )
    return f"no TLS connection could be made ({_short(message)})"


def _chain(error: TransportError) -> str:
    return ": ".join(map(str, (error.message, *error.errors)))


def _short(message: str) -> str:
    """The cause at the end of a chain of a library's messages, without addresses of objects."""
    return re.sub(r"<[^>]*>:? ?", "", message)[:200]
