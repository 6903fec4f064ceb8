"""The frame round every page: templates, the reader's language, where the reader is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from dashboard.assets import Assets
from dashboard.figures import bar_rows, stack_rows, timeline_rows
from dashboard.languages import Language, language
from dashboard.naming import misnamed_in
from dashboard.navigation import MenuItem, menu_of
from dashboard.refusals import place_of
from dashboard.registers import LANGUAGES
from dashboard.rights import Reader
from dashboard.sparks import spark
from privacy.suppress import text

FOLDER = Path(__file__).parent / "templates"
MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")


@dataclass(frozen=True)
class Frame:
    """What `base.html` needs."""

    language: str
    reader: Reader | None
    csrf: str
    nav: Sequence[MenuItem]
    assets: Assets
    address: str
    """The path and query that lead back to this page."""

    snapshot: int
    source_titles: Mapping[str, str]
    """What each source is called, by id."""

    misnamed: tuple[str, ...] = ()
    """What is said of names in the address that are not known here."""


class Pages:
    """Renders templates. One an application; safe to share between threads."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets

    @cached_property
    def _environments(self) -> Mapping[str, Environment]:
        return {name: _environment(language(name)) for name in LANGUAGES}

    def render(
        self,
        request: Request,
        template: str,
        /,
        *,
        reader: Reader | None = None,
        status: int = 200,
        here: str = "",
        csrf: str = "",
        **values: Any,
    ) -> HTMLResponse:
        """The page. A request of htmx for a part gets the part: templates ask `part`."""
        name = request.app.state.entrance.language(request)
        city = request.app.state.city
        environment = self._environments[name]
        frame = Frame(
            language=name,
            reader=reader,
            csrf=reader.csrf if reader else csrf,
            nav=menu_of(reader, here=here, translate=language(name).gettext) if reader else (),
            assets=self.assets,
            address=place_of(request),
            snapshot=city.snapshot.number,
            source_titles=city.source_titles[name],
            misnamed=tuple(each.told(language(name)) for each in misnamed_in(request)),
        )
        part = request.headers.get("hx-request") == "true"
        layout = "part.html" if part else "base.html"
        html = environment.get_template(template).render(frame=frame, layout=layout, **values)
        return HTMLResponse(html, status_code=status)


def _environment(spoken: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    # The extension gives it a method, and its filters are of any kind.
    speaking: Any = environment
    speaking.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)
    filters: Mapping[str, Callable[..., object]] = {
        "number": spoken.number,
        "percent": spoken.percent,
        "times": spoken.times,
        "said": spoken.gettext,
        "day": spoken.day,
        "days": lambda days: spoken.days(*days),
        "bin": spoken.bin,
        "language_name": spoken.named,
        "count": lambda posts, k: text(posts, k=k) if posts is None else spoken.number(posts),
        "markdown": _markdown,
        "address": _address,
        "spark": spark,
        "titles": lambda titles, ids: [titles.get(each, each) for each in ids],
        "moment": spoken.moment,
        "timeline_rows": lambda line, **how: timeline_rows(line, spoken, **how),
        "stack_rows": lambda stack, names: stack_rows(stack, spoken, names),
        "bar_rows": lambda bars, label, **how: bar_rows(bars, spoken, label, **how),
    }
    speaking.filters.update(filters)
    return environment


def _markdown(written: str) -> Markup:
    """Guidance as HTML; HTML in it is shown as it is written, and addresses are plain."""
    return Markup(MARKDOWN.render(written))  # noqa: S704  (escaped by the renderer)


def _address(path: str, **parameters: Any) -> str:
    """`path` with the parameters that are given; lists repeat, empty ones are left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        values = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, _written(each)) for each in values if each not in (None, "", False)]
    return path + (f"?{urlencode(pairs)}" if pairs else "")


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
