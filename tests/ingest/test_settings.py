"""What sources and collecting may be told, before anything is collected."""

import math
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from ingest.bluesky.authors import AuthorSettings
from ingest.feeds.collector import FeedSettings
from ingest.files.collector import FileSettings
from ingest.mastodon.settings import MastodonSettings
from ingest.settings import IngestSettings

GOOD = "https://a.example/rss"
TOKEN = {"address": "https://a.example", "permission": "mail", "local": True}


@pytest.mark.parametrize(
    ("model", "values", "place", "said"),
    [
        (FeedSettings, {"urls": [GOOD, "not a url"]}, ("urls", 1), "write it as https://"),
        (FeedSettings, {"urls": [GOOD, ""]}, ("urls", 1), "write it as https://"),
        (FeedSettings, {"urls": ["file:///etc/passwd"]}, ("urls", 0), "write it as https://"),
        (FeedSettings, {"urls": ["ftp://a.example/rss"]}, ("urls", 0), "write it as https://"),
        (FeedSettings, {"urls": ["https://a.example:99999/"]}, ("urls", 0), "from 1 to 65535"),
        (FeedSettings, {"urls": ["https://u:geheim@a.example/"]}, ("urls", 0), "before the @"),
        (FileSettings, {"folder": "a\0b"}, ("folder",), "no path has the character"),
        (FileSettings, {"platform": "Marktplein"}, ("platform",), "'marktplein'"),
        (FileSettings, {"platforms": ["forum", "Straße"]}, ("platforms", 1), "'strasse'"),
        (FeedSettings, {"urls": [GOOD], "platform": "NOS"}, ("platform",), "'nos'"),
        (MastodonSettings, {"servers": [TOKEN | {"token_file": "a\0b"}]},
         ("servers", 0, "token_file"), "no path has the character"),
        (MastodonSettings, {"servers": [TOKEN | {"address": "https://a.example:99999"}]},
         ("servers", 0, "address"), "from 1 to 65535"),
        (AuthorSettings, {"accounts": ["a.example"], "appview": "https://a.example:99999"},
         ("appview",), "from 1 to 65535"),
        (IngestSettings, {"contact": "büro@example.org"}, ("contact",), "without letters such as"),
        (IngestSettings, {"contact": "a@b\r\nCookie: c"}, ("contact",), "in one line"),
        (IngestSettings, {"fetch_seconds": math.inf}, ("fetch_seconds",), "3600"),
        (IngestSettings, {"fetch_bytes": 10**30}, ("fetch_bytes",), "1000000000"),
    ],
)  # fmt: skip
def test_what_no_run_could_use_is_refused_where_it_stands(
    model: type[BaseModel], values: dict[str, Any], place: tuple[str | int, ...], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    (mistake,) = [each for each in caught.value.errors() if each["type"] == "value_error"
                  or each["type"].endswith("than_equal")]  # fmt: skip
    assert mistake["loc"] == place
    assert said in mistake["msg"]
    assert "geheim" not in mistake["msg"]


@pytest.mark.parametrize(
    "url", [GOOD, "http://a.example:8080/x?y=@z", "https://bücher.example/a b"]
)
def test_addresses_of_feeds_of_every_form_are_taken(url: str) -> None:
    assert FeedSettings.model_validate({"urls": [url]}).urls == (url,)
