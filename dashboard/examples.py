"""An example of everything that the API says, in its document. All of it is made up.

An example is put together from the schema, so it has every field of the model that is answered;
what stands in a field is looked up here, by its model and name or by its name alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dashboard.exporting import MEDIA
from stream.errors import Stop

JSON = "application/json"
REFERENCE = "#/components/schemas/"

VALUES: Final[Mapping[str, object]] = {
    # What a question is about.
    "words": "fatbike* NEAR/3 overlast",
    "filters": {"language": ["nl"]},
    "Period.name": "4w",
    "since": "2026-10-27",
    "Period.until": "2026-11-24",
    "timezone": "Europe/Amsterdam",
    "k": 10,
    # How versions compare.
    "outgoing": "woningnood@4",
    "ShownSplice.active": "woningnood@5",
    "factor": 1.12,
    "ShownSplice.low": 1.05,
    "ShownSplice.high": 1.19,
    "days": 6,
    # What is counted.
    "posts": 1_284,
    "Bar.posts": 862,
    "Point.posts": 61,
    "ShownTerm.posts": 94,
    "Suggestion.posts": 410,
    "everything": 41_950,
    "total": 1_284,
    "rest": 20,
    "share": 0.031,
    "Bar.share": 0.671,
    "bin": "day",
    "time": "2026-11-23",
    "expected": 44.5,
    "Point.low": 31.2,
    "Point.high": 60.1,
    "before": 47,
    "gaps": [],
    "changes": [],
    "events": [],
    "Marks.events": [["2026-11-18", "Election of the council"]],
    "Marks.gaps": [["2026-11-02", "2026-11-03", "city-news"]],
    "ratio": 1.4,
    "low": 1.2,
    "high": 1.6,
    "real": True,
    "Precision.share": 0.92,
    "Precision.low": 0.81,
    "Precision.high": 0.97,
    "Precision.right": 46,
    "judged": 50,
    "judged_on": "2026-11-20",
    "level": "higher",
    "Bars.by": "language",
    "value": "nl",
    "names": ["negative", "neutral", "positive", "?"],
    "times": ["2026-11-22", "2026-11-23"],
    "values": {
        "negative": [21, 30],
        "neutral": [18, 19],
        "positive": [None, None],
        "?": [12, 11],
    },
    # What a rule says of itself.
    "rule": "woningnood",
    "title": "Housing shortage",
    "purpose": "How large is the conversation about not finding a home, and in which tone",
    "category": "living",
    "owner": "team prevention",
    "expires": "2027-05-01",
    "special": False,
    "ground": "",
    "About.query": '"geen woning"~3 OR woningnood OR wooncrisis',
    "Listed.query": '"geen woning"~3 OR woningnood OR wooncrisis',
    "state": "active",
    "version": "5f2c81d09ab4",
    "active": "5f2c81d09ab4",
    "beside": [],
    "four_eyes": True,
    "unusual": ["woningnood"],
    "active_rules": 16,
    "ended": None,
    # What a source does.
    "source": "city-news",
    "SourceState.title": "News of the city",
    "collector": "feeds",
    "keeps": "all",
    "schedule": "30m",
    "open_until": "2027-03-01",
    "next_run": "2026-11-24T09:30+01:00",
    "last_run": "2026-11-24T09:00+01:00",
    "last_seen": "2026-11-24T09:00+01:00",
    "read": 50,
    "appended": 20,
    "outcome": "ended",
    "SourceState.state": "waiting",
    "Failure.times": 3,
    "Failure.since": "2026-11-24T08:00+01:00",
    "Failure.error": "the server answered 503",
    "why": "the server's operator asked for it",
    "Hold.until": "2026-12-01T00:00+01:00",
    "SourceState.gaps": 1,
    "last_gap": "2026-11-03T06:00+01:00",
    "trouble": None,
    # What texts say.
    "Sample.whole": False,
    "day": "2026-11-20",
    "language": "nl",
    "left": "Al jaren op zoek naar een betaalbare ",
    "keyword": "woning",
    "right": ", en nog steeds niets gevonden",
    "of": "sentiment",
    "ShownLabel.value": "negative",
    "confidence": 0.87,
    "model": "tone-multilingual",
    "ShownLabel.version": "2",
    "word": "wachtlijst",
    "score": 8.4,
    "reason": "what people mean by a waiting list",
    "format": "ndjson",
    # What is being written.
    "id": "c2Vl_oO9xYz1",
    "Checked.errors": [],
    "start": 0,
    "end": 11,
    "message": "`huurprijzen` is covered by `huurprij*`; take it out",
    "help": "",
    "label": "fatbike",
    "kind": "word",
    "detail": "",
    "insert": "fatbike ",
    # Who may enter.
    "ShownAccount.name": "j.devries",
    "roles": ["viewer", "analyst"],
    # What is kept.
    "Search.title": "Fatbikes on the pavement",
    "SavedSearch.title": "Fatbikes on the pavement",
    "query": "q=c2Vl_oO9xYz1&language=nl&period=3m",
    "note": "For the meeting on the station square",
    "until": "2027-02-22",
    "created": "2026-11-24",
}

DETAILS: Final[Mapping[str, str]] = {
    "400": "2027-01-01 is no day that is over",
    "401": "log in first: /enter",
    "403": "choose a purpose first: /purpose",
    "404": "there is no phenomenon 'woningood'; the page Monitor shows all there are",
    "409": "you read texts 20 times in the last 24 hours, and that is what "
    "privacy.text_reads_a_day allows; counts can still be asked for",
    "413": "The request is too large.",
    "421": "This is not the site that the request is for.",
    "422": "langauge is not known here and does nothing: did you mean language?",
    "429": "Too many requests. Wait a moment, then try again.",
    "503": "the store is not there at this moment; try again",
}
"""By status, what is said when there is no answer."""

FILES: Final[Mapping[str, str]] = {
    MEDIA["csv"]: "row,day,since,until,posts,fewer_than,export,delete_after\n"
    "18342,2026-11-22,2026-11-22,2026-11-23,61,,9f2c81d09ab4,2027-02-22\n"
    "11907,2026-11-23,2026-11-23,2026-11-24,,10,9f2c81d09ab4,2027-02-22\n",
    MEDIA["ndjson"]: '{"row": 18342, "day": "2026-11-22", "since": "2026-11-22", '
    '"until": "2026-11-23", "posts": 61, "fewer_than": null, '
    '"export": "9f2c81d09ab4", "delete_after": "2027-02-22"}\n',
    "text/event-stream": 'id: 2\nevent: newer\ndata: {"until": "2026-11-24T09:00:00+00:00"}\n\n',
}
"""What is no JSON, as far as it can be read."""


def illustrate(document: dict[str, Any]) -> None:
    """Give every body in an OpenAPI document its example; Stop names a field without a value."""
    schemas = document["components"]["schemas"]
    for operation in _operations(document):
        asked = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if asked is not None:
            asked["example"] = example(asked["schema"], schemas)
        for status, answer in operation["responses"].items():
            for media, content in answer.get("content", {}).items():
                if status in DETAILS:
                    content["example"] = {"detail": DETAILS[status]}
                elif media == JSON:
                    content["example"] = example(content["schema"], schemas)
                elif media in FILES:
                    content["example"] = FILES[media]


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], place: str = "") -> Any:
    """A value of `schema`, which stands at `place` (model and field); `schemas` are those that it
    may refer to by name.
    """
    model, _, field = place.partition(".")
    if "prefixItems" in schema:
        return [example(each, schemas, place) for each in schema["prefixItems"]]
    for known in (place, field):
        if known and known in VALUES:
            return VALUES[known]
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(REFERENCE)
        return example(schemas[name], schemas, name.rpartition("__")[2])
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas, place)
    if "properties" in schema:
        return {
            name: example(each, schemas, f"{model}.{name}")
            for name, each in schema["properties"].items()
        }
    if "items" in schema:
        return [example(schema["items"], schemas, place)]
    raise Stop(f"{place} has no example; write one in dashboard/examples.py")


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()
