"""Which pairs are copies of another pair of the partition."""

from collections.abc import Sequence

import numpy as np

from pairsift.core.arrays import Flags


def exact_copies(uids: Sequence[str]) -> Flags:
    """Mark all but the first of equal uids, so that the smallest (uid, ordinal) is the one that stays.

    Returns (n,) bool. `uids` are those of readable pairs, in the partition's order: a copy that cannot be read
    has a reason of its own.
    """
    seen: set[str] = set()
    copies = np.zeros(len(uids), dtype=np.bool_)
    for ordinal, uid in enumerate(uids):
        copies[ordinal] = uid in seen
        seen.add(uid)
    return copies
