"""Taking posts out of Elasticsearch, held against answers that a real one gives seldom."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from index.elastic import erasing
from index.elastic.cluster import Cluster
from index.elastic.mapping import VERSION, Names
from index.settings import ElasticSettings
from stream.errors import Retry
from stream.version import MAX_GENERATION, pack

NAMES = Names("peil")
FIRST, SECOND = (f"peil-kept-until-2026-12-{day}-v{VERSION}" for day in ("07", "14"))
ABOUT = {"version": {"number": "8.19.13"}, "tagline": "You Know, for Search"}
ALL_WELL = {"_shards": {"failed": 0}}


class Script:
    """A server that gives to each kind of request its answers one after the other, the last of
    them from then on, and notes what it was asked.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {"/": [ABOUT]}
        self.asked: list[tuple[str, Any]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.partition("?")[0]
                kind = path if path == "/" else path.rpartition("/")[2]
                kind = "_stats" if "/_stats/" in path else kind
                script.asked.append((kind, json.loads(sent) if sent else path))
                left = script.answers.get(kind, [ALL_WELL])
                answer = json.dumps(left.pop(0) if len(left) > 1 else left[0]).encode()
                self.send_response(200)
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815  (its name for http.server)

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def kinds(self) -> Sequence[str]:
        return [kind for kind, _ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def script() -> Iterator[Script]:
    with closing(Script()) as script:
        yield script


@pytest.fixture
def cluster(script: Script) -> Iterator[Cluster]:
    cluster = Cluster(ElasticSettings(servers=(script.url,)))
    with closing(cluster.client):
        yield cluster


# Of an author.


def removed(total: int, deleted: int, *failures: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"total": total, "deleted": deleted, "failures": failures}


def test_posts_of_an_author_that_come_meanwhile_are_found_by_the_next_round(
    script: Script, cluster: Cluster
) -> None:
    script.answers["_delete_by_query"] = [removed(3, 2), removed(1, 1), removed(0, 0)]
    assert erasing.remove_authors(cluster, [FIRST], ["230-a"], 7) == 3
    (_, asked), *_ = script.asked
    by_author, up_to = asked["query"]["bool"]["filter"]
    assert by_author == {"terms": {"author": ["230-a"]}}
    assert up_to == {"range": {"version": {"lte": pack(7, MAX_GENERATION)}}}
    assert script.kinds() == ["_delete_by_query"] * 3


def test_an_author_whose_posts_keep_coming_is_tried_again(script: Script, cluster: Cluster) -> None:
    script.answers["_delete_by_query"] = [removed(1, 0)]
    with pytest.raises(Retry, match="keep coming while they are removed"):
        erasing.remove_authors(cluster, [FIRST], ["230-a"], 7)


def test_a_post_that_could_not_be_removed_is_no_success(script: Script, cluster: Cluster) -> None:
    failure = {"status": 503, "cause": {"type": "unavailable_shards_exception"}}
    script.answers["_delete_by_query"] = [removed(2, 1, failure), removed(0, 0)]
    with pytest.raises(Retry, match="unavailable_shards_exception"):
        erasing.remove_authors(cluster, [FIRST], ["230-a"], 7)


def test_where_there_is_no_index_nothing_is_asked(script: Script, cluster: Cluster) -> None:
    """A request without a name would mean every index that the server has."""
    assert erasing.remove_authors(cluster, [], ["230-a"], 7) == 0
    assert script.asked == []


# Out of the files.


def copy(last: int, *kept_from: int, primary: bool = True) -> Mapping[str, Any]:
    return {
        "routing": {"primary": primary},
        "seq_no": {"max_seq_no": last},
        "retention_leases": {"leases": [{"retaining_seq_no": each} for each in kept_from]},
    }


def files(deleted: int, *copies: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"primaries": {"docs": {"deleted": deleted}}, "shards": {"0": copies}}


def stats(**indices: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"indices": indices}


def merge_out(cluster: Cluster) -> tuple[int, int]:
    """How many texts are gone, and how often was waited for that."""
    pauses: list[float] = []
    gone = erasing.merge_out(cluster, NAMES, pause=pauses.append)
    return gone, len(pauses)


def test_what_was_deleted_is_merged_out_once_no_copy_needs_it(
    script: Script, cluster: Cluster
) -> None:
    """The copy that keeps the most decides, and that of the primary is asked."""
    replica = copy(9, primary=False)
    whole = files(0, copy(5, 6))
    script.answers["_stats"] = [
        stats(**{FIRST: files(3, copy(9, 10, 4), replica), SECOND: whole}),
        stats(**{FIRST: files(3, copy(9, 10, 4), replica), SECOND: whole}),
        stats(**{FIRST: files(3, copy(9, 10, 9), replica), SECOND: whole}),
        stats(**{FIRST: files(3, copy(9, 10, 10), replica), SECOND: whole}),
        stats(**{FIRST: files(0, copy(9, 10, 10), replica), SECOND: whole}),
    ]
    assert merge_out(cluster) == (3, 2)
    assert script.kinds() == [*["_stats"] * 4, "_flush", "_forcemerge", "_refresh", "_stats"]
    assert {said for kind, said in script.asked if kind != "_stats"} == {
        f"/{FIRST}/{kind}" for kind in ("_flush", "_forcemerge", "_refresh")
    }


def test_where_nothing_was_deleted_no_file_is_written_anew(
    script: Script, cluster: Cluster
) -> None:
    strange = {"peil-of-another": files(4, copy(9, 10))}
    script.answers["_stats"] = [stats(**{FIRST: files(0, copy(9, 2))} | strange)]
    assert merge_out(cluster) == (0, 0)
    assert script.kinds() == ["_stats"]


def test_a_text_that_stays_in_a_file_is_no_success(script: Script, cluster: Cluster) -> None:
    held = files(3, copy(9, 4))
    script.answers["_stats"] = [stats(**{FIRST: held})]
    with pytest.raises(Retry, match=f"still in the files of {FIRST}; a copy of a shard"):
        merge_out(cluster)


def test_what_is_deleted_during_a_merge_waits_for_the_next(
    script: Script, cluster: Cluster
) -> None:
    script.answers["_stats"] = [
        stats(**{FIRST: files(3, copy(9, 10))}),
        stats(**{FIRST: files(3, copy(9, 10))}),
        stats(**{FIRST: files(1, copy(11, 10))}),
    ]
    assert merge_out(cluster) == (2, 0)


def test_an_index_that_is_dropped_during_a_merge_is_gone(script: Script, cluster: Cluster) -> None:
    script.answers["_stats"] = [
        stats(**{FIRST: files(3, copy(9, 4)), SECOND: files(2, copy(9, 10))}),
        stats(**{SECOND: files(2, copy(9, 10))}),
        stats(**{SECOND: files(0, copy(9, 10))}),
    ]
    assert merge_out(cluster) == (5, 0)


def test_a_shard_that_keeps_nothing_is_not_waited_for(script: Script, cluster: Cluster) -> None:
    script.answers["_stats"] = [
        stats(**{FIRST: files(1, copy(9))}),
        stats(**{FIRST: files(1, copy(9))}),
        stats(**{FIRST: files(0, copy(9))}),
    ]
    assert merge_out(cluster) == (1, 0)
