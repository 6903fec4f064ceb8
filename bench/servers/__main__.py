"""Start the servers and keep them until Ctrl-C, or only fetch what they are made of.

python -m bench.servers
python -m bench.servers fetch
"""

import contextlib
import signal
import sys

from bench.servers import atproto, elasticsearch, kafka, mastodon, postgres
from stream.errors import Stop

TEXT = """
For the tests:
    export TEST_KAFKA={kafka} TEST_ELASTICSEARCH={elasticsearch} TEST_POSTGRES={postgres}

For peil:
    export PEIL_ENGINE=cluster
    export PEIL_STREAM__KAFKA__SERVERS='["{kafka}"]'
    export PEIL_INDEX__ELASTIC__SERVERS='["{elasticsearch}"]'
    export PEIL_DATABASE__URL={postgres}

Ctrl-C ends them, and their data with them.
"""


def fetch() -> None:
    for installed in (
        kafka.installed,
        elasticsearch.installed,
        postgres.installed,
        atproto.installed,
        mastodon.installed,
    ):
        print(installed())


def serve() -> None:
    with contextlib.ExitStack() as servers:
        broker = servers.enter_context(kafka.Kafka())
        store = servers.enter_context(elasticsearch.Elasticsearch())
        database = servers.enter_context(postgres.Postgres())
        print(
            TEXT.format(kafka=broker.address, elasticsearch=store.url, postgres=database.url),
            flush=True,
        )
        signal.pause()


if __name__ == "__main__":
    try:
        with contextlib.suppress(KeyboardInterrupt):
            fetch() if sys.argv[1:] == ["fetch"] else serve()
    except Stop as error:
        sys.exit(str(error))
