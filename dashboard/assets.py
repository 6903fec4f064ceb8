"""Where the pages' scripts and styles are: built from dashboard/browser, named by their content."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
