"""What is said of a server that answers, and not as Kafka does."""

import socket
import threading
from collections.abc import Iterator

import pytest

from stream.errors import Retry
from stream.kafka.probe import Login, answering


@pytest.fixture
def speaking() -> Iterator[tuple[str, list[bytes]]]:
    """A server that says the same to everybody: its address, and what it says."""
    says: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    asking, _ = listening.accept()
                except OSError:
                    return
                with asking:
                    asking.recv(4096)
                    for each in says:
                        asking.sendall(each)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", says
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("login", [None, Login("PLAIN", "u", "p")])
@pytest.mark.parametrize(
    "answer",
    [
        bytes(4),
        bytes(64),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"\xff" * 64,
        b"\x00\x00\x00\x08\x00\x00\x00\x01\x7f\xff\xff\xff",
        b"\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00",
    ],
)
def test_a_server_that_is_no_kafka_is_told(
    speaking: tuple[str, list[bytes]], answer: bytes, login: Login | None
) -> None:
    address, says = speaking
    says.append(answer)
    with pytest.raises(Retry) as raised:
        answering([address], tls=None, login=login)
    assert str(raised.value) == (
        f"no broker answers: {address} does not answer as Kafka does; check stream.kafka.servers, "
        "and stream.kafka.security"
    )
