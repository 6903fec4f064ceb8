"""How fast the log appends and gives back: `python bench/log.py [RECORDS]`."""

import sys
import tempfile
import time
from pathlib import Path

from stream.broker import Entry
from stream.clock import SystemClock
from stream.local import LocalBroker

BATCH = 500
BYTES = 600


def main(records: int) -> None:
    batches = [
        [Entry(f"{start + number:032x}", b"x" * BYTES) for number in range(BATCH)]
        for start in range(0, records, BATCH)
    ]
    with tempfile.TemporaryDirectory() as folder:
        broker = LocalBroker(Path(folder), clock=SystemClock())
        started = time.perf_counter()
        for batch in batches:
            broker.append("posts", batch)
        appended = time.perf_counter() - started
        consumer = broker.subscribe("bench", ["posts"])
        started = time.perf_counter()
        while found := consumer.poll(limit=BATCH):
            consumer.commit(found)
        consumed = time.perf_counter() - started
        consumer.close()
        broker.close()
    print(f"append  {records / appended:>10,.0f} records/s (batches of {BATCH}, {BYTES} bytes)")
    print(f"consume {records / consumed:>10,.0f} records/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
