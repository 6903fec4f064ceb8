import socket
import urllib.error
import urllib.request
from http.client import HTTPConnection

import pytest

from peil.health import LIVE_MS, READY_MS, HealthServer, Pulse, nth_address
from stream.clock import HOUR_MS, ManualClock
from stream.errors import Stop
from stream.metrics import PrometheusMetrics
from stream.testing import START


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_role_tells_how_it_is() -> None:
    clock, metrics, address = ManualClock(START), PrometheusMetrics(), free_address()
    pulse = Pulse(clock=clock)
    with HealthServer(address, pulse=pulse, metrics=metrics):
        assert get(address, "/live")[0] == 200
        assert get(address, "/ready")[0] == 503  # nothing was done yet
        pulse.turned()
        assert get(address, "/ready")[0] == 200
        clock.advance(READY_MS + 1)
        pulse.beat()  # it tries and tries
        assert get(address, "/ready")[0] == 503
        assert get(address, "/live")[0] == 200
        clock.advance(LIVE_MS + 1)
        assert get(address, "/live")[0] == 503
        metrics.count("peil_worker_consumed_total", 3, worker="enrich")
        assert 'peil_worker_consumed_total{worker="enrich"} 3.0' in get(address, "/metrics")[1]
        assert get(address, "/")[0] == 404
    with pytest.raises(urllib.error.URLError):
        get(address, "/live")


@pytest.mark.parametrize("by", [-HOUR_MS, HOUR_MS])
def test_a_clock_that_is_set_hides_no_hung_role_and_ends_no_healthy_one(by: int) -> None:
    clock = ManualClock(START)
    pulse = Pulse(clock=clock)
    pulse.turned()
    clock.set(clock.now() + by)
    assert pulse.live
    assert pulse.ready
    clock.advance(READY_MS + 1)
    assert not pulse.ready
    clock.advance(LIVE_MS)
    assert not pulse.live


def test_a_long_round_says_nothing_new_of_whether_something_is_missing() -> None:
    clock = ManualClock(START)
    pulse = Pulse(clock=clock)
    with pulse.busy():  # before its first turn a role has shown nothing yet
        assert not pulse.ready
    pulse.turned()
    with pulse.busy():
        clock.advance(HOUR_MS)
        assert pulse.ready
        assert pulse.live
    pulse.turned()
    assert pulse.ready
    clock.advance(READY_MS + 1)
    with pulse.busy():  # tried again, after what it needs has gone away
        assert not pulse.ready
        assert pulse.live
    assert not pulse.ready


def test_a_round_that_fails_is_no_turn() -> None:
    clock = ManualClock(START)
    pulse = Pulse(clock=clock)
    pulse.turned()
    with pulse.busy():
        clock.advance(READY_MS + 1)
    assert not pulse.ready


def test_who_asks_otherwise_gets_an_answer_too() -> None:
    address, metrics = free_address(), PrometheusMetrics()
    pulse = Pulse(clock=ManualClock(START))
    pulse.turned()
    with HealthServer(address, pulse=pulse, metrics=metrics):
        assert get(address, "/live?probe=1") == (200, "")
        assert get(address, "/metrics?name=x")[0] == 200
        assert get(address, "/nothing?probe=/live")[0] == 404
        for path, status in (("/live", 200), ("/metrics", 200), ("/nothing", 404)):
            connection = HTTPConnection(address, timeout=5)
            connection.request("HEAD", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, b"")
            assert path == "/live" or int(answer.headers["Content-Length"]) > 0
            connection.close()


def test_a_port_in_use_is_told() -> None:
    address = free_address()
    pulse, metrics = Pulse(clock=ManualClock(START)), PrometheusMetrics()
    with (
        HealthServer(address, pulse=pulse, metrics=metrics),
        pytest.raises(Stop, match="and a free port"),
    ):
        HealthServer(address, pulse=pulse, metrics=metrics)


@pytest.mark.parametrize("address", ["a..b:9464", "127.0.0.1:99999", "203.0.113.1:9464"])
def test_an_address_that_is_none_of_this_machine_is_told(address: str) -> None:
    with pytest.raises(Stop, match=r"^service\.listen: cannot listen at "):
        HealthServer(address, pulse=Pulse(clock=ManualClock(START)), metrics=PrometheusMetrics())


def test_each_role_has_a_port_of_its_own() -> None:
    assert nth_address("127.0.0.1:9464", 2) == "127.0.0.1:9466"
