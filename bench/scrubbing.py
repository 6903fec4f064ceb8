"""Precision and recall of scrubbing against labels that people gave.

    python bench/scrubbing.py posts.ndjson labels.ndjson

A line of the first file has `id` and `body`, of the second `id` and `spans`, each with `kind`,
`start` and `end` (characters of the body). A label is found when nothing of it is left in the
scrubbed text where it stood; a placeholder that no label asked for is a false one.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from privacy.scrubbing import scrub
from stream.placeholders import EMAIL, PERSON, PHONE, PLACEHOLDERS

PLACEHOLDER = {"handle": PERSON, "mail": EMAIL, "phone": PHONE}


def main(posts: Path, labels: Path) -> None:
    wanted = {}
    for line in labels.read_text("utf-8").splitlines():
        label = json.loads(line)
        wanted[str(label["id"])] = label["spans"]
    asked, found, given, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for line in posts.read_text("utf-8").splitlines():
        post = json.loads(line)
        if str(post["id"]) not in wanted:
            continue
        text = scrub(post["body"], regions=("NL", "BE", "TR", "MA", "DE", "GB")).text
        expected = Counter(PLACEHOLDER.get(span["kind"], "") for span in wanted[str(post["id"])])
        for placeholder in PLACEHOLDERS:
            hits = text.count(placeholder)
            asked[placeholder] += expected[placeholder]
            given[placeholder] += hits
            right[placeholder] += min(hits, expected[placeholder])
            found[placeholder] += min(hits, expected[placeholder])
    for placeholder in PLACEHOLDERS:
        if asked[placeholder] or given[placeholder]:
            recall = found[placeholder] / asked[placeholder] if asked[placeholder] else None
            precision = right[placeholder] / given[placeholder] if given[placeholder] else None
            print(placeholder, asked[placeholder], given[placeholder], recall, precision)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
