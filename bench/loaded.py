"""What a process of peil takes seconds to load, loaded by whoever imports this: `bench/nursery.py`
forks from it.
"""

from contextlib import suppress
from importlib import import_module

PARTS = (
    "peil.command",
    "peil.roles",
    "peil.showing",
    "ingest.catalogue",
    "enrich.catalogue",
    "enrich.worker",
    "index.local.store",
    "alembic.command",
    "uvicorn",
)
OF_A_CLUSTER = ("stream.kafka.broker", "index.elastic.store")

for part in PARTS:
    import_module(part)
for part in OF_A_CLUSTER:
    with suppress(ImportError):  # without the extra `cluster`
        import_module(part)
