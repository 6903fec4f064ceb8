"""What beside a query needs a second person as the query does, once that was reviewed: a later end,
another purpose, another ground or approval.

Who syncs such a change asks for it, in the history; it holds when somebody else reviews the same.
"""

import hashlib

import msgspec

from rules.life.descriptions import differences, is_guarded
from rules.life.history import OVER
from rules.life.library import Standing
from rules.life.versions import Version

DIGITS = 10

REPLACED = "it is being replaced: `peil rules activate` first, then sync it again"


def needs_review(held: Standing, version: Version) -> bool:
    """Whether what `version` says otherwise than the one that is `held` does needs a review of its
    own; one that has yet to be reviewed before it counts gets that one.
    """
    if held.state == "draft" or held.state in OVER:
        return False
    return is_guarded(held.version, version)


def wish(held: Standing, version: Version) -> str:
    """What the history says of who asks: the same for the same change, and for no other one."""
    digest = hashlib.sha256(msgspec.json.encode(version.document)).hexdigest()[:DIGITS]
    return f"to be reviewed: {'; '.join(differences(held.version, version))} ({digest})"
