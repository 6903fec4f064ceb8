"""The one way to the web."""

import logging

from stamina.instrumentation import set_on_retry_hooks

# What matters is raised as an error of ours. These write the address of every request, and each
# retry with its headers: where posts stand, which only the vault may hold, and tokens.
for _library in ("httpx2", "httpcore2", "websockets"):
    logging.getLogger(_library).setLevel(logging.WARNING)
set_on_retry_hooks([])
