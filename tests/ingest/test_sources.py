import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.catalogue import settings_of
from ingest.declarations import Declaration, read_folder, sound
from ingest.files.collector import FileSettings
from ingest.mastodon.settings import MastodonSettings
from ingest.problems import Located, Problem, mistakes
from ingest.sources import Source
from stream.toml import Broken, marks, read

SOUND = 'id = "{id}"\ntitle = "t"\ncollector = "files"\n'
Read = Callable[..., Mapping[str, Declaration]]


def never(_source: Source) -> None:
    """Nothing is wrong with a timetable."""


@pytest.fixture
def declared(tmp_path: Path) -> Read:
    def write(**texts: str) -> Mapping[str, Declaration]:
        folder = tmp_path / "config" / "sources"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
        return read_folder(folder, timetable=never)

    return write


def told(problems: tuple[Problem, ...]) -> list[tuple[int, int, str]]:
    return [(each.line, each.column, each.message) for each in problems]


def test_a_wrong_file_costs_its_own_source(declared: Read) -> None:
    found = declared(
        good=SOUND.format(id="good"),
        broken='id = "broken',
        other=SOUND.format(id="another"),
        latin=SOUND.format(id="latin").replace('"t"', '"\udce9"'),
        lacking='id = "lacking"\n',
        deep="a = " + "[" * 5_000,
    )
    assert list(sound(found)) == ["good"]
    assert all(each.problems for name, each in found.items() if name != "good")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "is no file (a folder, a pipe or a device)"),
        (Path.mkdir, "is no file (a folder, a pipe or a device)"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
        (lambda path: path.symlink_to("/dev/zero"), "is no file (a folder, a pipe or a device)"),
        (lambda path: path.write_text("#" * 1_000_001), "is larger than 1000000 bytes"),
    ],
)
def test_what_is_no_file_of_a_source_is_told_and_holds_nothing_up(
    declared: Read, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    folder = tmp_path / "config" / "sources"
    declared(good=SOUND.format(id="good"))
    make(folder / "other.toml")
    found = read_folder(folder, timetable=lambda _: None)
    assert list(sound(found)) == ["good"]
    assert said in found["other"].problems[0].message


def test_every_mistake_of_a_file_is_told_at_its_place(declared: Read) -> None:
    text = """\
id = "a"
titel = "x"
title = 3
collector = "feeds"
keep = "some"
every = "5m"
cron = "daily"
retention_days = 900

[register]
purpos = "p"
organisation = "perhaps"
until = "soon"
"""
    (found,) = declared(a=text).values()
    assert told(found.problems) == [
        (2, 1, "titel: there is no such key; did you mean 'title'?"),
        (3, 1, "title: write a text, in quotation marks"),
        (5, 1, "keep: input should be 'matched' or 'all'"),
        (6, 1, "every = '5m': ten minutes (10m) is the shortest"),
        (7, 1, "cron = 'daily': write it as five fields, such as '30 6 * * *'"),
        (8, 1, "retention_days: input should be less than or equal to 90"),
        (11, 1, "register.purpos: there is no such key; did you mean 'purpose'?"),
        (12, 1, "register.organisation: write true or false"),
        (13, 1, "register.until: write a day, such as 2027-03-01"),
    ]
    assert str(found.problems[0]).startswith("config/sources/a.toml:")


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('id = "a"\ntitle = "t\n', 2, 11, "it is no TOML"),
        ('id = "b"\ntitle = "t"\ncollector = "files"\n', 1, 1, "its id is 'b'"),
        (SOUND.format(id="a") + 'every = "1h"\ncron = "0 6 * * *"\n', 5, 1, "leave one of them"),
        ('\ufeff\nid = "A B"\ntitle = "t"\ncollector = "files"\n', 2, 1, "id: "),
        ('title = "t"\r\ncollector = "files"\r\nid = 3', 3, 1, "id: write a text"),
        (SOUND.format(id="a") + 'cron = "0 6 * * 1"\n', 4, 1, "day of the week by its name"),
        ("", 1, 1, "id: it is missing"),
    ],
)
def test_the_place_of_a_mistake_is_exact(
    declared: Read, text: str, line: int, column: int, said: str
) -> None:
    (found,) = declared(a=text).values()
    assert (found.problems[0].line, found.problems[0].column) == (line, column)
    assert said in found.problems[0].message


def test_a_timetable_that_is_wrong_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(SOUND.format(id="a") + 'cron = "0 6 * * *"\n')
    (found,) = read_folder(tmp_path, timetable=lambda _: "it never comes").values()
    assert told(found.problems) == [(4, 1, "it never comes")]
    assert found.source is None


def test_no_value_is_repeated_that_could_be_a_secret(declared: Read) -> None:
    text = SOUND.format(id="a") + 'token = "s3cret"\nretention_days = "s3cret"\n'
    (found,) = declared(a=text).values()
    assert len(found.problems) == 2
    assert "s3cret" not in "".join(map(str, found.problems))


def test_a_setting_that_is_wrong_is_said_as_a_person_would(declared: Read) -> None:
    text = """\
id = "a"
title = "t"
collector = "mastodon"
until = 2027-03-01
every = "soon"
[[settings.servers]]
address = "https://a.example"
permission = " "
tags = [3, "two words", { tag = "x", any = ["1", "2", "3", "4", "5"] }]
token_variable = "s3cret"
"""
    (found,) = declared(a=text).values()
    assert told(found.problems) == [
        (4, 1, "until: it belongs in the table [register]"),
        (5, 1, "every = 'soon': write it as 30m, 6h or 1d"),
    ]
    with pytest.raises(ValidationError) as caught:
        MastodonSettings.model_validate(found.document["settings"])
    problems = tuple(found.place.of(caught.value, MastodonSettings, under=("settings",)))
    expected = [
        (8, 1, "permission: it is empty; write where the operators' permission can be found"),
        (9, 9, "tags.0: write a word in quotation marks, or a table such as { tag ="),
        (9, 12, "tags.1.tag: write a tag as one word, without #"),
        (9, 38, "tags.2.any: there are 5; write at most 4"),
        (10, 1, "token_variable: write MASTODON_TOKEN, or a name in capitals that begins so;"),
    ]
    for (line, column, said), (*place, message) in zip(expected, told(problems), strict=True):
        assert [line, column] == place
        assert message.startswith(f"settings.servers.0.{said}")


def test_a_pattern_of_a_collector_of_others_is_said_by_what_it_is_for() -> None:
    class Model(BaseModel):
        code: str = Field(pattern="^[a-z]$", description="The letter of the city.")

    with pytest.raises(ValidationError) as caught:
        Model(code="3")
    assert list(mistakes(caught.value, Model)) == [
        (("code",), "code: it is not written as it must be: The letter of the city.")
    ]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address: str


class Outer(BaseModel):
    servers: tuple[Inner, ...] = Field(min_length=1)


def test_mistakes_in_lists_of_tables_are_told_at_their_own_place() -> None:
    text = '[settings]\n[[settings.servers]]\n  adress = "a"\n'
    place = Located(source="a", file="a.toml", marks=marks(text))
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(tomllib.loads(text)["settings"])
    assert told(tuple(place.of(caught.value, Outer, under=("settings",)))) == [
        (2, 1, "settings.servers.0.address: it is missing"),
        (3, 3, "settings.servers.0.adress: there is no such key; did you mean 'address'?"),
    ]


@given(st.text(max_size=60))
def test_any_text_is_read_or_told(text: str) -> None:
    found = read(text)
    assert isinstance(found, Broken | dict)


PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
DOCUMENTED = [
    block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "collector = " in block
]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_every_source_of_the_documentation_is_sound(declared: Read, text: str) -> None:
    name = re.findall(r'^id = "(.*?)"', text, re.MULTILINE)[0]
    (found,) = declared(**{name: text}).values()
    assert found.problems == ()
    assert found.source is not None
    settings_of(found.source)


@pytest.mark.parametrize("setting", FileSettings.model_fields)
def test_every_setting_of_files_is_documented(setting: str) -> None:
    assert re.search(rf"^(\[settings\.)?{setting}\b", "\n".join(DOCUMENTED), re.MULTILINE)
