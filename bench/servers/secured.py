"""A Kafka, an Elasticsearch and a PostgreSQL that let nobody in without TLS and a password."""

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from sqlalchemy import make_url

from bench.servers.elasticsearch import Elasticsearch
from bench.servers.kafka import Kafka
from bench.servers.postgres import Postgres
from peil.rights import RIGHTS


class Secured:
    """The three, started at once, with passwords that can be looked for in what they log.
    PostgreSQL logs every statement. `passwords` is a folder where each role of peil finds its
    password for each server, in a file `ROLE-SERVER`; nobody has set these users up yet.
    `expired` gives all three certificates of the past.
    """

    def __init__(self, passwords: Path, *, expired: bool = False) -> None:
        self.passwords = passwords
        self.kafka = Kafka(secure=True, authorize=True, expired=expired, users={"admin": planted()})
        self.elastic = Elasticsearch(secure=True, expired=expired, password=planted())
        self.postgres = Postgres(
            secure=True, expired=expired, password=planted(), settings={"log_statement": "all"}
        )
        for role, rights in RIGHTS.items():
            for server in rights.servers:
                (passwords / f"{role}-{server}").write_text(f"{planted()}\n")

    def environ(self, role: str = "") -> dict[str, str]:
        """What the environment says for `role` of peil; without one, for the administrators."""
        if role:
            return self.environ_of(f"peil_{role}", self._passwords(role))
        theirs = {
            "kafka": self.kafka.users["admin"],
            "elasticsearch": self.elastic.password,
            "postgres": self.postgres.password,
        }
        url = {"PEIL_DATABASE__URL": self.postgres.url}
        return (
            self.environ_of("admin", theirs)
            | url
            | {"PEIL_INDEX__ELASTIC__USER": self.elastic.user}
        )

    def environ_of(self, user: str, passwords: Mapping[str, str]) -> dict[str, str]:
        """The same for any `user`; where there is no password, one that is wrong."""
        url = make_url(self.postgres.url).set(username=user)
        return {
            "PEIL_ENGINE": "cluster",
            "PEIL_PURPOSE": "a test",
            "PEIL_STREAM__KAFKA__SERVERS": json.dumps([self.kafka.address]),
            "PEIL_STREAM__KAFKA__SECURITY": "SASL_SSL",
            "PEIL_STREAM__KAFKA__CA_FILE": str(self.kafka.authority),
            "PEIL_STREAM__KAFKA__USER": user,
            "PEIL_STREAM__KAFKA__PASSWORD": passwords.get("kafka", planted()),
            "PEIL_STREAM__LEASE_SECONDS": "6",
            "PEIL_INDEX__ELASTIC__SERVERS": json.dumps([self.elastic.url]),
            "PEIL_INDEX__ELASTIC__CA_FILE": str(self.elastic.authority),
            "PEIL_INDEX__ELASTIC__USER": user,
            "PEIL_INDEX__ELASTIC__PASSWORD": passwords.get("elasticsearch", planted()),
            "PEIL_DATABASE__URL": str(url),
            "PEIL_DATABASE__PASSWORD": passwords.get("postgres", planted()),
        }

    def secrets(self) -> Iterator[str]:
        """Every password there is."""
        yield from (self.kafka.users["admin"], self.elastic.password, self.postgres.password)
        for role in RIGHTS:
            yield from self._passwords(role).values()

    def logs(self) -> Iterator[Path]:
        """Every file in which a server writes down what happens."""
        for server in (self.kafka, self.elastic, self.postgres):
            yield server.log
        yield from (path for path in (self.elastic.data / "logs").rglob("*") if path.is_file())

    def __enter__(self) -> Self:
        servers = (self.kafka, self.elastic, self.postgres)
        try:
            with ThreadPoolExecutor() as pool:
                for started in [pool.submit(server.start) for server in servers]:
                    started.result()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        for server in (self.kafka, self.elastic, self.postgres):
            server.close()

    def _passwords(self, role: str) -> Mapping[str, str]:
        files = self.passwords.glob(f"{role}-*")
        return {file.name.removeprefix(f"{role}-"): file.read_text().strip() for file in files}


def planted() -> str:
    """A password that stands nowhere else."""
    return f"planted-{secrets.token_hex(12)}"
