"""What the connection says of wrong answers and wrong settings; no Elasticsearch is needed."""

import json
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from index.elastic.cluster import Cluster
from index.settings import ElasticSettings
from stream.errors import Retry, Stop

PLANTED = "geheim woord"
HEADERS = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}


def cluster_at(site: Any, **changes: object) -> Cluster:
    settings = {"servers": (site.url(""),)} | changes
    return Cluster(ElasticSettings.model_validate(settings), pause=lambda _: None)


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize(
    "body",
    [
        f'{{"hits": [{{"_source": {{"text": "{PLANTED}"}}}}, {{',
        json.dumps([PLANTED]),
        json.dumps(PLANTED),
    ],
)
def test_an_answer_of_another_form_is_tried_again_and_not_repeated(
    site: Any, status: int, body: str
) -> None:
    site.answers["/"] = (status, HEADERS, body.encode())
    cluster = cluster_at(site)
    with closing(cluster.client), pytest.raises(Retry, match="no JSON object") as caught:
        cluster.check()
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_what_does_not_tell_its_version_is_no_elasticsearch(site: Any) -> None:
    cluster = cluster_at(site)
    with closing(cluster.client):
        for body in ({}, {"version": PLANTED}, {"version": {"number": PLANTED}}):
            site.answers["/"] = (200, HEADERS, json.dumps(body).encode())
            with pytest.raises(Stop, match="is not Elasticsearch") as caught:
                cluster.check()
            assert PLANTED not in str(caught.value)
        site.answers["/"] = (200, HEADERS, b'{"version": {"number": "8.19.3"}}')
        cluster.check()


@pytest.mark.parametrize("number", ["8.99999", "8." + "9" * 5_000, "9" * 5_000 + ".1", "8", "-8.1"])
def test_a_number_that_no_version_has_is_no_elasticsearch(site: Any, number: str) -> None:
    site.answers["/"] = (200, HEADERS, json.dumps({"version": {"number": number}}).encode())
    cluster = cluster_at(site)
    with closing(cluster.client), pytest.raises(Stop, match="is not Elasticsearch"):
        cluster.check()


@pytest.mark.parametrize(
    "error", [7, [7], {"failed_shards": 7}, {"failed_shards": [{"reason": 7}]}]
)
def test_an_error_of_another_form_is_one_all_the_same(site: Any, error: object) -> None:
    site.answers["/"] = (503, HEADERS, json.dumps({"error": error}).encode())
    cluster = cluster_at(site)
    with closing(cluster.client), pytest.raises(Retry, match="busy or not whole"):
        cluster.check()


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("seconds", "inf"),
        ("seconds", "nan"),
        ("seconds", 1e300),
        ("shards", 99_999_999),
        ("replicas", 99_999_999_999),
        ("prefix", "a" * 240),
    ],
)
def test_a_setting_that_elasticsearch_cannot_have_is_told(setting: str, given: object) -> None:
    with pytest.raises(ValidationError, match=setting):
        ElasticSettings.model_validate({setting: given})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_key": "sleutél"}, r"index\.elastic\.api_key_file"),
        ({"user": "peil", "password": "wóórd"}, r"index\.elastic\.user and its password.*ASCII"),
        ({"user": "réné", "password": "x"}, r"index\.elastic\.user and its password.*ASCII"),
        ({"user": "peil"}, r"index\.elastic\.user is set.*password_file"),
    ],
)
def test_a_login_that_cannot_be_sent_is_told(site: Any, changes: dict[str, str], told: str) -> None:
    with pytest.raises(Stop, match=told) as caught:
        cluster_at(site, **changes)
    said = "".join(traceback.format_exception(caught.value))
    assert "sleut" not in said
    assert "wóórd" not in said


@pytest.mark.parametrize(
    "text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_told(site: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(text)
    for file in (path, tmp_path / "none"):
        with pytest.raises(Stop, match=r"index\.elastic\.ca_file: .* cannot be used"):
            cluster_at(site, ca_file=str(file))


@pytest.fixture
def hole() -> Iterator[str]:
    """The address of a machine that is switched off: what is sent to it is swallowed."""
    with ExitStack() as held:
        deaf = held.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # nobody takes these, so there is no room for others
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(deaf.getsockname())
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"


def test_a_node_that_swallows_what_is_sent_costs_no_answer(
    site: Any, hole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.elastic.node.CONNECT_SECONDS", 0.2)
    site.answers["/"] = (200, HEADERS, b'{"version": {"number": "8.19.3"}}')
    for servers in ((hole, site.url("")), (site.url(""), hole)):
        cluster = cluster_at(site, servers=servers)
        with closing(cluster.client):
            for _ in range(6):
                with cluster.asked():
                    cluster.client.info()


def test_what_was_sent_and_has_no_answer_is_not_sent_again(site: Any) -> None:
    """It may have been done."""

    def slowly(_headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        time.sleep(1)
        return 200, HEADERS, b"{}"

    site.answers["/"] = slowly
    other = site.url("").replace("127.0.0.1", "localhost")
    cluster = cluster_at(site, servers=(site.url(""), other), seconds=0.3)
    with closing(cluster.client), pytest.raises(Retry, match="did not answer within"):
        cluster.check()
    assert len(site.requests) == 1
