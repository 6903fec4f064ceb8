"""Logins, certificates, roles, and an Elasticsearch that is killed while it is written."""

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from bench.servers.certificates import Authority
from bench.servers.elasticsearch import Elasticsearch
from index.contract import Question
from index.elastic.access import Access, Role
from index.elastic.cluster import Cluster
from index.elastic.store import ElasticStore
from index.settings import ElasticSettings
from index.testing import TIMEZONE, fill, text_post, where_is
from stream.clock import DAY_MS, ManualClock
from stream.errors import Retry, Stop
from stream.partitions import partition_of
from stream.post import Post
from stream.testing import START

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]

PASSWORD = secrets.token_hex(8)
Open = Callable[[ElasticSettings], ElasticStore]


@pytest.fixture
def admin(secure_elastic: Elasticsearch) -> ElasticSettings:
    return ElasticSettings(
        servers=(secure_elastic.url,),
        user=secure_elastic.user,
        password=SecretStr(secure_elastic.password),
        ca_file=str(secure_elastic.authority),
        seconds=10,
    )


@pytest.fixture
def store_at() -> Iterator[Open]:
    """Opens a store, which is closed at the end."""
    with ExitStack() as stack:

        def make(settings: ElasticSettings) -> ElasticStore:
            clock = ManualClock(START)
            made = ElasticStore(settings, clock=clock, timezone=TIMEZONE, k=10)
            return stack.enter_context(closing(made))

        yield make


def test_a_wrong_login_is_told_without_the_password(admin: ElasticSettings) -> None:
    for wrong in (
        {"password": SecretStr("geheim-woord")},
        {"password": SecretStr(""), "user": ""},
        {"api_key": SecretStr("Z2VoZWltOndvb3Jk")},
    ):
        pauses: list[float] = []
        cluster = Cluster(admin.model_copy(update=wrong), pause=pauses.append)
        with pytest.raises(Stop, match=r"does not accept the login \(401\)") as caught:
            cluster.check()
        cluster.client.close()
        assert pauses  # it may be starting
        assert "geheim" not in str(caught.value)
        assert "Z2Vo" not in str(caught.value)


def test_a_server_without_the_expected_certificate_is_refused(
    admin: ElasticSettings, store_at: Open, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other")
    for ca_file in (str(stranger.file), ""):
        store = store_at(admin.model_copy(update={"ca_file": ca_file}))
        with pytest.raises(Stop, match="certificate is not accepted"):
            store.count(Question())
    with pytest.raises(Stop, match=r"ca_file.*No such file"):
        store_at(admin.model_copy(update={"ca_file": str(tmp_path / "nothing")}))
    plain = admin.model_copy(update={"servers": (admin.servers[0].replace("https", "http"),)})
    with pytest.raises((Stop, Retry), match=r"https://|cannot be reached"):
        store_at(plain.model_copy(update={"ca_file": ""})).count(Question())


def test_an_expired_certificate_is_told(tmp_path: Path, store_at: Open) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("node", expired=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.both)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(listener.accept()[0], server_side=True)

        thread = threading.Thread(target=shake_hands)
        thread.start()
        port = listener.getsockname()[1]
        settings = ElasticSettings(
            servers=(f"https://127.0.0.1:{port}",), ca_file=str(authority.file)
        )
        with pytest.raises(Stop, match="certificate has expired"):
            store_at(settings).count(Question())
        thread.join()


def test_each_role_can_do_its_work_and_no_more(admin: ElasticSettings, store_at: Open) -> None:
    """Logged in as a user, or with a key that was made in the name of one."""
    admin = admin.model_copy(update={"prefix": "roles"})
    keys: dict[str, str] = {}
    roles: tuple[Role, ...] = ("writer", "reader", "operator")
    with closing(Access(admin)) as access, closing(Cluster(admin).client) as client:
        for role in roles:
            assert access.put_role(role) == f"roles-{role}"
            access.put_user(role, role=role, password=PASSWORD)
            keys[role] = client.security.grant_api_key(
                grant_type="password", username=role, password=PASSWORD, api_key={"name": role}
            )["encoded"]
    store_at(admin).setup()

    def logged_in(role: Role) -> ElasticSettings:
        return admin.model_copy(update={"user": role, "password": SecretStr(PASSWORD)})

    def keyed(role: Role) -> ElasticSettings:
        key = {"user": "", "password": SecretStr(""), "api_key": SecretStr(keys[role])}
        return admin.model_copy(update=key)

    writer, reader = store_at(logged_in("writer")), store_at(keyed("reader"))
    posts = [text_post(n, f"woord {n}") for n in range(5)]
    writer.upgrade()
    fill(writer, posts)
    assert writer.remove_authors([posts[0].author], START) == 1
    assert writer.problems() == reader.problems() == []
    reader.reload()
    assert reader.count(Question()).posts == 4
    assert reader.top(Question(), by="rule").total.posts == 4
    assert len(reader.sample(Question(), limit=9, seed=1)) == 4
    assert len(list(reader.posts(partition_of(posts[1])))) == 4
    assert where_is(reader, posts[1])
    assert store_at(logged_in("operator")).snapshots() == (0, [])
    for attempt in (
        writer.snapshots,
        lambda: fill(reader, [posts[0]]),
        lambda: reader.remove_authors([posts[1].author], START),
        lambda: reader.expire(START + 91 * DAY_MS),
        lambda: fill(store_at(keyed("writer").model_copy(update={"prefix": "other"})), posts),
    ):
        with pytest.raises(Stop, match=r"does not allow .* \(403\)"):
            attempt()
    assert writer.expire(START + 91 * DAY_MS) == [partition_of(posts[0])]
    assert writer.purge() == 0


def test_a_killed_elasticsearch_loses_nothing_that_was_flushed(
    secure_elastic: Elasticsearch, admin: ElasticSettings, store_at: Open
) -> None:
    """kill -9 in the middle of bulks; what a Retry gave up is done again, as a worker does it."""
    admin = admin.model_copy(update={"prefix": "killed"})
    store = store_at(admin)
    flushed = dict[str, Post]()
    killed = threading.Event()
    retries = 0

    def kill() -> None:
        time.sleep(0.7)
        secure_elastic.kill()
        killed.set()
        secure_elastic.start()

    killer = threading.Thread(target=kill)
    killer.start()
    number = 0
    while not (killed.is_set() and not killer.is_alive() and number % 10 == 0):
        batch = [text_post(number * 50 + n, f"woord {n}") for n in range(50)]
        batch += [
            msgspec.structs.replace(flushed[post.id], text="anders", version=post.version + number)
            for post in list(flushed.values())[-60:-50]
        ]
        while True:
            try:
                known = store.where([post.id for post in batch])
                new = [
                    post
                    for post in batch
                    if not any(place.version >= post.version for place in known.get(post.id, ()))
                ]
                fill(store, new)
                break
            except Retry:
                retries += 1
                time.sleep(0.2)
        flushed.update({post.id: post for post in batch})
        number += 1
    killer.join()
    assert retries > 0
    stored = {post.id: post for name in store.partitions() for post in store.posts(name)}
    assert stored == flushed
    store.expire(START + 91 * DAY_MS)
