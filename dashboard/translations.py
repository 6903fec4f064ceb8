"""What files of rules say, in the other language of the pages.

`config/translations.toml` is kept by the text itself: once a rule's purpose says something else,
its old translation is shown no more, so that no page says what nobody reviewed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dashboard.registers import LANGUAGES, read_register, refuse, wrong_keys

FILE = "translations.toml"
KEYS = {"text", *LANGUAGES}

Translations = Mapping[str, Mapping[str, str]]
"""By the text as it stands in its file, then by language."""


def translated(translations: Translations, text: str, language: str) -> str:
    """`text` in `language`, else as it stands."""
    return translations.get(text, {}).get(language, text)


def load_translations(config: Path) -> Translations:
    """All of `config/translations.toml`; none without the file. Stop names every entry that is
    wrong and what to write.
    """
    path = config / FILE
    if not path.exists():
        return {}
    problems: list[str] = []
    found: dict[str, Mapping[str, str]] = {}
    items = read_register(path, "translation", problems, hint="mend that line")
    for number, item in enumerate(items, 1):
        text = item.get("text")
        if not isinstance(text, str) or not text.strip():
            problems.append(
                f'translation {number}: write what the rule says, as text = "democracy"'
            )
            continue
        wrong = list(_wrong(item))
        if text in found:
            wrong.append("there is another translation of that text; keep one")
        problems += [f"translation of {text!r}: {each}" for each in wrong]
        if not wrong:
            found[text] = {name: item[name] for name in LANGUAGES if name in item}
    refuse(path, problems)
    return found


def _wrong(item: Mapping[str, Any]) -> Iterator[str]:
    yield from wrong_keys(item, KEYS)
    given = [name for name in LANGUAGES if name in item]
    if not given:
        yield 'it says nothing in another language; write nl = "…" or en = "…"'
    for name in given:
        if not isinstance(item[name], str) or not item[name].strip():
            yield f"{name} is empty or no text; write it, or leave it out"
