"""Which pairs are copies of another pair of the partition."""

from collections.abc import Sequence

import numpy as np

from pairsift.core.arrays import Flags


def exact_copies(uids: Sequence[str]) -> Flags:
    """Mark all but the first of equal uids, so that the smallest (uid, ordinal) is the one that stays.

    Returns (n,) bool. `uids` are those of readable pairs, in the partition's order: a copy that cannot be read
    has a reason of its own.
    """
    count = len(uids)
    first = dict(zip(reversed(uids), range(count - 1, -1, -1), strict=True))
    stays = np.fromiter(map(first.__getitem__, uids), dtype=np.int64, count=count)
    return np.asarray(stays != np.arange(count), dtype=np.bool_)
