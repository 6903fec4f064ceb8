import socket
import urllib.error
import urllib.request

import pytest

from peil.health import LIVE_MS, READY_MS, HealthServer, Pulse, nth_address
from stream.clock import ManualClock
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


def test_a_port_in_use_is_told() -> None:
    address = free_address()
    pulse, metrics = Pulse(clock=ManualClock(START)), PrometheusMetrics()
    with (
        HealthServer(address, pulse=pulse, metrics=metrics),
        pytest.raises(Stop, match="choose a free port"),
    ):
        HealthServer(address, pulse=pulse, metrics=metrics)


def test_each_role_has_a_port_of_its_own() -> None:
    assert nth_address("127.0.0.1:9464", 2) == "127.0.0.1:9466"
