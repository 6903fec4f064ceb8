"""A node of Elasticsearch that is given up soon when nobody is there, so that another is asked."""

from collections.abc import Sequence
from typing import Any

from elastic_transport import ConnectionError as NotConnected
from elastic_transport import ConnectionTimeout, Urllib3HttpNode
from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError

CONNECT_SECONDS = 3.0
"""A node that is switched off swallows what is sent to it; one that is there connects at once."""


class Node(Urllib3HttpNode):
    """As the client's own, but who waits for a connection waits no longer than `CONNECT_SECONDS`,
    and what could not be sent goes to the next node. What was sent and has no answer is not sent
    again.
    """

    def perform_request(self, *arguments: Any, **options: Any) -> Any:
        seconds = options.get("request_timeout")
        if not isinstance(seconds, float | int):
            seconds = self.config.request_timeout
        options["request_timeout"] = Timeout(connect=CONNECT_SECONDS, read=seconds)
        try:
            return super().perform_request(*arguments, **options)
        except ConnectionTimeout as error:
            if _is_of_connecting(error.errors):
                raise NotConnected(error.message, errors=error.errors) from None
            raise


def _is_of_connecting(errors: Sequence[object]) -> bool:
    return any(isinstance(each, ConnectTimeoutError) for each in errors)
