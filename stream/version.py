"""The version of a post: (rev, generation) in one signed 64-bit integer.

`rev` is the platform's edit time in Unix milliseconds, else the first observation; it fills
the upper 42 bits (to the year 2109). `generation` grows when rules or models change, so that
a promotion or a new label is newer than what it replaces; it fills the lower 21 bits. A
delete takes the highest generation of its rev, so it wins a tie.
"""

GENERATION_BITS = 21
MAX_GENERATION = (1 << GENERATION_BITS) - 1
MAX_REV = (1 << (63 - GENERATION_BITS)) - 1


def pack(rev: int, generation: int) -> int:
    """One integer that orders by `rev` first and `generation` second."""
    if not 0 <= rev <= MAX_REV:
        message = f"rev {rev} is outside 0..{MAX_REV} (Unix milliseconds)"
        raise ValueError(message)
    if not 0 <= generation <= MAX_GENERATION:
        message = f"generation {generation} is outside 0..{MAX_GENERATION}"
        raise ValueError(message)
    return rev << GENERATION_BITS | generation


def rev_of(version: int) -> int:
    """The Unix milliseconds in `version`."""
    return version >> GENERATION_BITS


def generation_of(version: int) -> int:
    """The generation in `version`; MAX_GENERATION marks a delete."""
    return version & MAX_GENERATION


def of_delete(rev: int) -> int:
    """The version of a delete at `rev`: newer than every post of that rev."""
    return pack(rev, MAX_GENERATION)
