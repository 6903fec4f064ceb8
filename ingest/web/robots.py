"""What servers ask of programs that read their pages: robots.txt (RFC 9309)."""

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from protego import Protego

from stream.clock import DAY_MS, Clock
from stream.errors import Retry, Stop

REMEMBERED = 1_000
"""So many servers' rules are kept, the last ones read."""


class Robots:
    """The rules of servers, each read once a day. May be shared between threads.

    `read` fetches a robots.txt: its text, empty where there is none; it may block and raise.
    """

    def __init__(self, read: Callable[[str], str], *, agent: str, clock: Clock) -> None:
        self._read = read
        self._agent = agent
        self._clock = clock
        self._rules: dict[str, tuple[int, Protego]] = {}
        self._reading = threading.Lock()

    def check(self, url: str) -> None:
        """Stop when the server's robots.txt forbids `url`; as `read` raises, of `url`."""
        origin = _origin(url)
        read_at, rules = self._rules.get(origin, (0, None))
        if rules is None or self._clock.elapsed() - read_at >= DAY_MS:
            rules = Protego.parse(self._text(url, origin))
            with self._reading:
                self._rules.pop(origin, None)
                self._rules[origin] = self._clock.elapsed(), rules
                if len(self._rules) > REMEMBERED:
                    del self._rules[next(iter(self._rules))]
        if not rules.can_fetch(url, self._agent):
            raise Stop(f"{url} may not be fetched: the server's robots.txt forbids it")

    def _text(self, url: str, origin: str) -> str:
        why = f"{url} was not asked, because its server does not say whether it may be"
        try:
            return self._read(f"{origin}/robots.txt")
        except Retry as error:
            raise Retry(f"{why}: {error}", after=error.after) from error
        except Stop as error:
            raise Stop(f"{why}: {error}") from error

    def delay(self, url: str) -> float:
        """Seconds that the server wants between two requests; 0 where it did not say."""
        _, rules = self._rules.get(_origin(url), (0, None))
        asked = rules.crawl_delay(self._agent) if rules is not None else None
        return float(asked or 0)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
