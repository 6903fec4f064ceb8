"""peil: a gauge for the public conversation. Phenomena, not persons.

>>> import peil
>>> connection = peil.connect("my-folder")  # doctest: +SKIP
>>> connection.search("(fatbike OR scooter) NEAR/5 overlast").to_pandas()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peil.connection import Connection, connect

__all__ = ["Connection", "connect"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`connect` and `Connection` are loaded when first asked for: `import peil` stays cheap."""
    if name in __all__:
        from peil import connection  # noqa: PLC0415  (that is what loading lazily means)

        return getattr(connection, name)
    message = f"module 'peil' has no attribute {name!r}"
    raise AttributeError(message)
