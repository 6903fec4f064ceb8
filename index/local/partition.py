"""One partition: an index of tantivy in a folder of its own."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import tantivy
from tantivy import DocAddress, Query

from index.contract import TooBroad
from index.document import AUTHOR_DAY_BITS, id_numbers
from index.local.buckets import MOST, TooManyBuckets, whole
from index.local.query import TantivyEngine
from index.local.schema import schema, stored
from index.tally import AT_FIRST
from privacy.suppress import MOST_A_DAY
from stream.codec import decode_post
from stream.errors import Retry, Stop
from stream.lifecycle import Located
from stream.partitions import Partition
from stream.post import Post
from stream.version import MAX_GENERATION, pack

IN_ONE_PART = MOST * 2 // 3
"""Posts whose author days are counted at once. These are as numbers drawn by lot, so a part of
them is of as many posts, more or less.
"""


class LocalPartition:
    """A partition for reading, and for the one writer. Threads may share one that is only read:
    it stays as it was opened.
    """

    def __init__(self, name: Partition, folder: Path, *, timezone: str, heap: int) -> None:
        self.name = name
        self.folder = folder
        self._timezone = timezone
        self._heap = heap
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.schema = schema()
        try:
            self._index = tantivy.Index(self.schema, str(folder))
        except ValueError as error:
            raise Stop(
                f"{folder} cannot be opened: {error}; check its rights, and when it is damaged "
                "restore it, or move it away and replay the log"
            ) from error
        self._index.config_reader("manual")
        self._writer: tantivy.IndexWriter | None = None
        self._busy: tuple[Query | None] | None = None
        self._stamp = self._written()
        self.seen = object()
        """Another one whenever what is seen may be another."""

        self.reload()

    def reload(self) -> None:
        """See what was committed since."""
        self._stamp = self._written()
        self._index.reload()
        self.searcher = self._index.searcher()
        self.seen = object()
        self._busy = None

    def renewed(self) -> "LocalPartition":
        """This partition with what was committed since: itself when that is nothing, or when it
        is what writes; else another, so that whoever is reading this one reads on.
        """
        if self._writer is not None:
            return self
        try:
            if self._written() == self._stamp:
                return self
        except FileNotFoundError:  # another process has just dropped it
            return self
        return LocalPartition(self.name, self.folder, timezone=self._timezone, heap=self._heap)

    def _written(self) -> tuple[int, int]:
        """What changes with every commit."""
        meta = (self.folder / "meta.json").stat()
        return meta.st_mtime_ns, meta.st_ino

    def __len__(self) -> int:
        return self.searcher.num_docs

    # Writing.

    def write(self, posts: Sequence[Post]) -> None:
        writer = self._open_writer()
        for post in posts:
            writer.delete_documents_by_term("id", post.id)
            writer.add_document(stored(post, timezone=self._timezone))

    def remove(self, ids: Sequence[str]) -> None:
        writer = self._open_writer()
        for each in ids:
            writer.delete_documents_by_term("id", each)

    def remove_authors(self, authors: Sequence[str], up_to_rev: int) -> int:
        """Remove what these pseudonyms wrote up to that rev; returns how many posts."""
        last = pack(up_to_rev, MAX_GENERATION)
        query = TantivyEngine(self.schema).every(
            [
                Query.term_set_query(self.schema, "author", list(authors)),
                Query.range_query(self.schema, "version", tantivy.FieldType.Integer, None, last),
            ]
        )
        found = self.count(query)
        if found:
            self._open_writer().delete_documents_by_query(query)
        return found

    def flush(self) -> None:
        """Durable and visible when it returns."""
        if self._writer is not None:
            self._writer.commit()
            self.reload()

    @property
    def holds_removed(self) -> bool:
        """Whether the text of removed posts still lies in a file."""
        meta = json.loads((self.folder / "meta.json").read_text())
        return any(segment.get("deletes") for segment in meta["segments"])

    def close(self) -> None:
        """Let go of the writer lock; what was not flushed is given up."""
        if self._writer is not None:
            self._writer.rollback()
            self._writer.wait_merging_threads()
            self._writer = None

    def settle_merges(self) -> None:
        """Wait for merges that run in the background, and drop what they made superfluous."""
        if self._writer is not None:
            self._writer.commit()
            self._writer.wait_merging_threads()
            self._writer = None
            self.reload()

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            try:
                self._writer = self._index.writer(heap_size=self._heap, num_threads=1)
            except ValueError as error:
                if "Lock" in str(error):
                    raise Retry(
                        f"{self.folder} is being written by another process; the index has one "
                        "writer: end the other `peil run` or `peil import` first"
                    ) from error
                raise Stop(f"{self.folder} cannot be written: {error}") from error
        return self._writer

    # Reading.

    def count(self, query: Query) -> int:
        """How many posts `query` matches."""
        answer = self.searcher.aggregate(query, {"posts": {"value_count": {"field": "version"}}})
        return int(answer["posts"]["value"])

    def addresses(self, query: Query) -> list[DocAddress]:
        """Every post that `query` matches, in the order of the files."""
        limit = max(1, self.count(query))  # tantivy reserves room for all of a limit
        hits = self.searcher.search(_unscored(query), limit=limit, count=False).hits
        return sorted((hit[1] for hit in hits), key=lambda at: (at.segment_ord, at.doc))

    def newest(self, query: Query, limit: int) -> list[Post]:
        """The `limit` posts that `query` matches with the latest creation, then smallest id."""
        result = self.searcher.search(
            _unscored(query), limit=limit, count=False, order_by_field="ms"
        )
        found = [self.post(address) for _, address in result.hits]
        if len(found) < limit:
            return found
        engine, last = TantivyEngine(self.schema), found[-1].created_at
        tied = self.addresses(engine.every([query, engine.between("ms", last, last + 1)]))
        ids = (self.column(name, tied) for name in ("id_high", "id_low"))
        smallest = sorted(zip(*ids, range(len(tied)), strict=True))[:limit]
        later = [post for post in found if post.created_at > last]
        return later + [self.post(tied[number]) for _, _, number in smallest]

    def post(self, address: DocAddress) -> Post:
        """The stored post at `address`."""
        return decode_post(bytes(self.searcher.doc(address)["post"][0]))

    def posts(self, query: Query) -> Iterator[Post]:
        """The stored posts that `query` matches."""
        return (self.post(address) for address in self.addresses(query))

    def some(self, query: Query, limit: int) -> list[Post]:
        """The first `limit` stored posts that `query` matches to be found."""
        hits = self.searcher.search(_unscored(query), limit=limit, count=False).hits
        return [self.post(address) for _, address in hits]

    def ids(self, query: Query) -> Iterator[tuple[int, int]]:
        """The ids of what `query` matches, as two numbers each."""
        addresses = self.addresses(query)
        return zip(*(self.column(name, addresses) for name in ("id_high", "id_low")), strict=True)

    def column(self, name: str, addresses: Sequence[DocAddress]) -> list[int]:
        """A number of each post, in the order of `addresses`."""
        values = self.searcher.fast_field_values(name, list(addresses))
        return [int(value or 0) for value in values]

    def aggregate(self, query: Query, request: dict[str, Any]) -> dict[str, Any]:
        """What tantivy's aggregation `request` says of the posts that `query` matches."""
        try:
            return self.searcher.aggregate(query, request)
        except ValueError as error:
            if "bucket limit" in str(error):
                raise TooManyBuckets from error
            raise

    def words(self, prefix: str, limit: int) -> dict[str, int]:
        """The `limit` most frequent forms that begin with `prefix`, with about how many posts."""
        return dict(self.searcher.terms_with_prefix("tokens", prefix, limit=limit))

    def halves(self, query: Query, field: str) -> Sequence[Query]:
        """What `query` matches in two parts by a number of the posts."""
        first, last = self.bounds(query, field)
        if first >= last:
            raise TooBroad("there are too many different values to count at once: ask for fewer")
        middle = (first + last) // 2 + 1
        engine = TantivyEngine(self.schema)
        return [
            engine.every([query, engine.between(field, start, end)])
            for start, end in ((None, middle), (middle, None))
        ]

    def busy(self) -> Query | None:
        """Everything of the authors who wrote more posts on a day than count; None when there
        are none. Found once, because few authors do and each count must know.
        """
        if self._busy is None:
            engine = TantivyEngine(self.schema)
            every = Query.all_query()
            parts = self.count(every) // IN_ONE_PART + 1
            edges = [(number << AUTHOR_DAY_BITS) // parts for number in range(parts + 1)]
            days = [
                each
                for start, end in pairwise(edges)
                for each in self._find_busy(engine.between("author_day", start, end))
            ]
            found = self.addresses(engine.one_of("author_day", days)) if days else []
            one_each = dict(zip(self.column("who", found), found, strict=True))
            authors = [self.post(address).author for address in one_each.values()]
            self._busy = (engine.among("author", authors) if authors else None,)
        return self._busy[0]

    def _find_busy(self, query: Query) -> list[int]:
        terms = {"field": "author_day", "size": MOST, "segment_size": MOST}
        try:
            answer = whole(self.aggregate(query, {"busy": {"terms": terms}})["busy"])
        except TooManyBuckets:
            return [
                each for half in self.halves(query, "author_day") for each in self._find_busy(half)
            ]
        return [int(each["key"]) for each in answer["buckets"] if each["doc_count"] > MOST_A_DAY]

    def has_authors(self, query: Query, least: int, known: dict[int, set[int]]) -> bool:
        """Whether at least so many authors wrote what `query` matches, beside those `known`, by
        their epochs; adds to these.
        """
        hits = self.searcher.search(_unscored(query), limit=AT_FIRST, count=False).hits
        addresses = [address for _, address in hits]
        for epoch, who in zip(
            *(self.column(name, addresses) for name in ("epoch", "who")), strict=True
        ):
            known.setdefault(epoch, set()).add(who)
        if len(hits) == AT_FIRST and not any(len(authors) >= least for authors in known.values()):
            terms = {"field": "who", "size": least, "segment_size": least}
            request = {"epoch": {"terms": {"field": "epoch"}, "aggs": {"who": {"terms": terms}}}}
            for epoch in self.aggregate(query, request)["epoch"]["buckets"]:
                authors = known.setdefault(int(epoch["key"]), set())
                authors.update(int(who["key"]) for who in epoch["who"]["buckets"])
        return any(len(authors) >= least for authors in known.values())

    def bounds(self, query: Query, field: str) -> tuple[int, int]:
        """The smallest and the largest value of a number of the posts that `query` matches."""
        request = {name: {name: {"field": field}} for name in ("min", "max")}
        answer = self.searcher.aggregate(query, request)
        return int(answer["min"]["value"]), int(answer["max"]["value"])

    def where(self, ids: Sequence[str]) -> dict[str, Located]:
        """Which of `ids` are here, and in which version."""
        addresses = self.addresses(Query.term_set_query(self.schema, "id", list(ids)))
        if not addresses:
            return {}
        names = {id_numbers(each): each for each in ids}
        columns = zip(
            *(
                self.column(name, addresses)
                for name in ("id_high", "id_low", "version", "keep_until", "first_observed")
            ),
            strict=True,
        )
        return {
            names[high, low]: Located(self.name, version, keep_until, first_observed)
            for high, low, version, keep_until, first_observed in columns
        }


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 1.0)
