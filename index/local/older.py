"""Partitions of any version of the schema: what is stored in them can always be read."""

from pathlib import Path

import tantivy
from tantivy import Query

from stream.codec import decode_post
from stream.post import Post


def stored_posts(folder: Path) -> list[Post]:
    """The posts in a partition of any version of the schema."""
    searcher = _searcher(folder)
    limit = max(1, searcher.num_docs)
    everything = Query.const_score_query(Query.all_query(), 1.0)
    hits = searcher.search(everything, limit=limit, count=False).hits
    return [decode_post(bytes(searcher.doc(address)["post"][0])) for _, address in hits]


def stored_count(folder: Path) -> int:
    """How many posts are in a partition of any version of the schema."""
    return _searcher(folder).num_docs


def _searcher(folder: Path) -> tantivy.Searcher:
    index = tantivy.Index.open(str(folder))
    index.reload()
    return index.searcher()
