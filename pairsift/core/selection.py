"""Which of the survivors of rules and duplicates a policy's selection keeps, and how it ranks them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.calibration import Calibrated
from pairsift.core.columns import Columns
from pairsift.core.conditions import Unmeasurable
from pairsift.core.cuts import percentile_cut, share_cut, share_cut_of_all
from pairsift.core.false_discovery import q_values, unrelated_share
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judgements import DROP, KEEP, QUARANTINE, VERDICTS, Judgements, keep_all, overrule, reason_code
from pairsift.core.records import Reason, Verdict
from pairsift.core.selects import (
    Absolute,
    AllOf,
    Among,
    Counting,
    Fdr,
    InTurn,
    Member,
    Percentile,
    Pool,
    PoolRequest,
    Select,
    TopFraction,
    members_of,
)
from pairsift.core.signals import unit_of
from pairsift.errors import ConfigError

Pools = Mapping[PoolRequest, Floats]
"""Values of pools beyond the partition, each (m,) float64, NaN for a pair without one."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a selection says of each of n survivors: q NaN where `fdr` did not test it, rank 0 where not ranked."""

    judged: Judgements
    q: Floats
    rank: Integers


def select_pairs(
    select: Select, columns: Columns, survivors: Integers, calibrated: Calibrated, pools: Pools
) -> Selection:
    """Select among the survivors (ordinals): those without a value are judged first, the rest are ranked together.

    `fdr` quarantines as SIGNAL_UNMEASURABLE a pair that has the signal but no p-value. ConfigError where `pools` lacks
    what the selection asks for.
    """
    if isinstance(select, Fdr):
        return _select_by_fdr(select, columns, survivors, calibrated)
    cuts = _cuts(select, columns, survivors, pools)
    made = [_select_by(member, cut, columns, survivors) for member, cut in cuts]
    return made[0] if len(made) == 1 else _intersection(made)


def describe_select(select: Select) -> str:
    """Write a selection in one line, each threshold with its unit."""
    joint = ", of these " if isinstance(select, InTurn) else " and "
    return joint.join(map(_describe_member, members_of(select)))


def pool_values(columns: Columns, survivors: Integers, request: PoolRequest) -> Floats:
    """Give what a table adds to a pool: (m,) float64, NaN for a pair without a value."""
    values = columns.numbers(request.signal)
    return values if request.among is Among.ALL else values[survivors]


def join_pools(parts: Iterable[Pools]) -> dict[PoolRequest, Floats]:
    """Put together what several tables add to the same pools."""
    several = list(parts)
    return {request: np.concatenate([part[request] for part in several]) for request in (several[0] if several else ())}


def pools_digest(pools: Pools) -> str:
    """Identify pools by their values, whatever their order (16 hex digits); empty without any."""
    content = {
        f"{each.signal} {each.among}": hashlib.sha256(np.sort(values).tobytes()).hexdigest()
        for each, values in pools.items()
    }
    return fingerprint(content)[:16] if content else ""


def reach(scores: Floats, ge: float) -> Flags:
    """Mark the scores at or above a fixed value; `scores` is (n,) float64, and NaN reaches nothing."""
    return scores >= ge


def discoveries(q: Floats, alpha: float) -> Flags:
    """Mark the pairs whose q-value is at most alpha; `q` is (n,) float64 without NaN."""
    return q <= alpha


def ranks(scores: Floats) -> Integers:
    """Rank scores from 1, the highest first; equal scores share the better rank."""
    ordered = np.sort(scores)
    return 1 + len(scores) - np.searchsorted(ordered, scores, side="right").astype(np.int64)


def _select_by(member: Member, cut: float, columns: Columns, survivors: Integers) -> Selection:
    scores = columns.numbers(member.signal)[survivors]
    judged = _judge_unmeasured(member, columns, survivors, np.isnan(scores))
    ranked = np.flatnonzero(~np.isnan(scores))
    kept = reach(scores[ranked], cut)
    said = overrule(judged, ranked, _verdicts(kept, Reason.BELOW_CUT))
    return Selection(said, np.full(len(scores), np.nan), _spread(ranks(scores[ranked]), ranked, len(scores)))


def _judge_unmeasured(member: Member | Fdr, columns: Columns, survivors: Integers, absent: Flags) -> Judgements:
    """Judge the survivors without a value: nothing ranks them, even if the signal merely does not apply."""
    if member.unmeasurable is Unmeasurable.KEEP:
        return keep_all(len(survivors))
    known = columns.why_absent(member.signal)[survivors]
    why = np.where(known > 0, known, reason_code(Reason.SIGNAL_UNMEASURABLE))
    verdict = VERDICTS.index(Verdict(member.unmeasurable))
    return Judgements(
        np.where(absent, verdict, KEEP).astype(np.uint8),
        np.where(absent, why, 0).astype(np.uint8),
    )


def _cuts(
    select: Member | AllOf | InTurn, columns: Columns, survivors: Integers, pools: Pools
) -> Iterator[tuple[Member, float]]:
    """Find where each selection cuts; those in turn cut what the ones before them leave of the pool."""
    members = (select,) if isinstance(select, Member) else select.of
    still_in: Flags | None = None
    for member in members:
        if isinstance(member, Absolute):
            yield member, member.ge
            continue
        pool = _pool_of(member, columns, survivors, pools)
        cut = _cut(member, pool, still_in)
        if isinstance(select, InTurn):
            still_in = reach(pool, cut) if still_in is None else still_in & reach(pool, cut)
        yield member, cut


def _cut(member: TopFraction | Percentile, pool: Floats, still_in: Flags | None) -> float:
    if isinstance(member, Percentile):
        return percentile_cut(pool, member.percentile)
    cut = share_cut if member.counting is Counting.MEASURED else share_cut_of_all
    return cut(pool, member.fraction, still_in)


def _pool_of(member: TopFraction | Percentile, columns: Columns, survivors: Integers, pools: Pools) -> Floats:
    own = member.pool is Pool.PARTITION
    return pool_values(columns, survivors, member.request) if own else _find_pool(member.request, pools)


def _find_pool(request: PoolRequest, pools: Pools) -> Floats:
    """Find a pool's values; without any no cut can be said."""
    found = pools.get(request)
    if found is None or bool(np.isnan(found).all()):
        lacking = "are not there" if found is None else "hold no number"
        raise ConfigError(
            f"the policy selects by {request.signal} within the pool {request.pool}, whose values {lacking}: "
            "select within the pool partition, or decide where that pool is known"
        )
    return found


def _intersection(made: Sequence[Selection]) -> Selection:
    """Keep what all keep; drop what any drops, quarantine the rest, by the first that says so.

    The rank is by the worst of a pair's ranks; who lacks one has none.
    """
    count = len(made[0].rank)
    judged = keep_all(count)
    for verdict in (QUARANTINE, DROP):
        for selection in reversed(made):
            said = np.flatnonzero(selection.judged.verdicts == verdict)
            judged = overrule(judged, said, selection.judged.at(said))
    worst = np.max([selection.rank for selection in made], axis=0)
    ranked = np.flatnonzero(np.min([selection.rank for selection in made], axis=0) > 0)
    return Selection(judged, np.full(count, np.nan), _spread(ranks(-worst[ranked].astype(np.float64)), ranked, count))


def _select_by_fdr(select: Fdr, columns: Columns, survivors: Integers, calibrated: Calibrated) -> Selection:
    """Judge all that have a p-value at once: Benjamini and Hochberg's procedure must see every one of them."""
    z, p = calibrated.z[survivors], calibrated.p[survivors]
    measured = ~np.isnan(columns.numbers(select.signal)[survivors])
    judged = _judge_unmeasured(select, columns, survivors, ~measured)
    q = np.full(len(p), np.nan)
    untested = np.flatnonzero(measured & np.isnan(p))
    judged = overrule(judged, untested, _all_unmeasured(len(untested)))
    tested = np.flatnonzero(measured & ~np.isnan(p))
    if len(tested) == 0:
        return Selection(judged, q, np.zeros(len(p), dtype=np.int64))
    q[tested] = q_values(p[tested], unrelated_share(p[tested]))
    said = overrule(judged, tested, _verdicts(discoveries(q[tested], select.alpha), Reason.LIKELY_MISMATCHED))
    return Selection(said, q, _spread(ranks(z[tested]), tested, len(p)))


def _all_unmeasured(count: int) -> Judgements:
    unmeasured = reason_code(Reason.SIGNAL_UNMEASURABLE)
    return Judgements(np.full(count, QUARANTINE, dtype=np.uint8), np.full(count, unmeasured, dtype=np.uint8))


def _verdicts(kept: Flags, reason: Reason) -> Judgements:
    return Judgements(
        np.where(kept, KEEP, DROP).astype(np.uint8), np.where(kept, 0, reason_code(reason)).astype(np.uint8)
    )


def _spread(ranked: Integers, places: Integers, count: int) -> Integers:
    """Put ranks at their places among `count`; 0 elsewhere."""
    rank = np.zeros(count, dtype=np.int64)
    rank[places] = ranked
    return rank


def _describe_member(member: Member | Fdr) -> str:
    unit = f"[{unit_of(member.signal)}]"
    if isinstance(member, Fdr):
        return f"fdr of {member.signal}, alpha {member.alpha:g}"
    if isinstance(member, Absolute):
        return f"absolute: {member.signal} ≥ {member.ge:g} {unit}"
    among = "survivors" if member.among is Among.SURVIVORS else "all pairs"
    where = f"among {among} of the {member.pool}"
    if isinstance(member, Percentile):
        return f"percentile: {member.signal} {unit} at or above percentile {member.percentile:g} {where}"
    counted = "" if member.counting is Counting.MEASURED else ", pairs without a value counted"
    return f"top_fraction: the best {member.fraction:g} by {member.signal} {unit} {where}{counted}"
