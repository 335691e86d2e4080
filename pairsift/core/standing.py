"""Who stands where things are copies of each other: each falls that is a copy of an earlier one that stands."""

from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Ties:
    """Things that are copies of each other, two by two: (m,) places each, the earlier ones before the later ones."""

    earlier: Integers
    later: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Of n things which stand, and for each the first that stands among itself and its copies: both (n,).

    Only a settled thing may stand and have an earlier copy that stands.
    """

    stands: Flags
    keepers: Integers


def let_stand(ties: Ties, settled: Flags) -> Standing:
    """Go through things in their order, and let each fall that is a copy of one that stands; settled ones never fall.

    All at once instead of one after the other: in each round those stand that wait for no earlier copy.
    """
    count = len(settled)
    fallen = np.zeros(count, dtype=np.bool_)
    fallible = ~settled[ties.later]
    earlier, later = ties.earlier[fallible], ties.later[fallible]
    while len(later):
        waits = np.zeros(count, dtype=np.bool_)
        waits[later] = True
        fallen[later[~waits[earlier]]] = True
        undecided = ~(fallen[earlier] | fallen[later])
        earlier, later = earlier[undecided], later[undecided]
    keepers = np.arange(count)
    held = ~fallen[ties.earlier]
    np.minimum.at(keepers, ties.later[held], ties.earlier[held])
    return Standing(~fallen, keepers)


def all_stand(count: int) -> Standing:
    """Say that each of `count` things stands, and for itself."""
    return Standing(np.ones(count, dtype=np.bool_), np.arange(count))
