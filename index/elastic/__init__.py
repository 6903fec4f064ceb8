"""The store on Elasticsearch 8: an index a partition, each behind an alias of its own.

Only what the basic distribution has is used: no data streams and no lifecycle policies, so
partitions are made, dropped and rebuilt here; of scripts only one, which counts authors. What
decides much: an index has its own versions of documents, so an older post can never replace a
newer one; deleted texts stay in files until a merge, so they are merged out and that is looked
after; intervals decide NEAR where both sides have one width, and the evaluator decides the rest.
"""

import logging

# What it would warn of comes up as an error of peil, which says what to do; each request is a
# line of INFO.
logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)
