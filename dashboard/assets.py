"""Where the pages' scripts and styles are: built from dashboard/browser, named by their content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from typing import Self

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from stream.errors import Stop

FOLDER = Path(__file__).parent / "static"
ADDRESS = "/static/"
FOR_EVER = "public, max-age=31536000, immutable"
"""How long a browser may keep a file: with another content it has another name."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The built files by the names that templates know, as `page.js` or `style.css`."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path = FOLDER) -> Self:
        """The files that were built into `folder`; Stop when there are none."""
        manifest = folder / "manifest.json"
        try:
            names = json.loads(manifest.read_bytes())
        except FileNotFoundError:
            raise Stop(
                f"the pages' scripts and styles are not in {folder}: run make assets"
            ) from None
        missing = sorted(each for each in names.values() if not (folder / each).is_file())
        if missing:
            raise Stop(f"{folder} lacks {', '.join(missing)}: run make assets")
        return cls(names)

    @property
    def style(self) -> str:
        """The address of the style of every page."""
        return self.address("style.css")

    @property
    def font(self) -> str:
        """The address of the letter that nearly every page needs, to be asked for at once."""
        return self.address("source-sans-3-latin-wght-normal.woff2")

    @property
    def icon(self) -> str:
        """The address of the picture that a browser shows beside a page's title."""
        return self.address("icon.svg")

    def script(self, entry: str) -> str:
        """The address of a script: `first`, `page`, `charts` or `query`."""
        return self.address(f"{entry}.js")

    def address(self, name: str) -> str:
        """The address of a built file; Stop when it was not built."""
        try:
            return ADDRESS + self.names[name]
        except KeyError:
            raise Stop(f"there is no {name} among the built files: run make assets") from None


class Files(StaticFiles):
    """Serves the built files, and nothing else that lies there: compressed where the browser
    takes that, and kept by it.
    """

    def __init__(self, assets: Assets, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)
        self._folder = folder
        self._names = frozenset(assets.names.values())

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path not in self._names:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        packed = f"{path}.gz"
        is_packed = (self._folder / packed).is_file()
        if not is_packed or not _takes_gzip(Headers(scope=scope)):
            response = await super().get_response(path, scope)
        else:
            response = await super().get_response(packed, scope)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = guess_type(path)[0] or "application/octet-stream"
        if is_packed:
            response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = FOR_EVER
        return response


def _takes_gzip(headers: Headers) -> bool:
    """Whether the browser says so (RFC 9110, section 12.5.3)."""
    for each in headers.get("accept-encoding", "").split(","):
        name, _, weight = each.strip().partition(";")
        if name == "gzip":
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
