"""The filter's own exam: changes copies of some of the user's pairs, and says what finds faults and how scores move."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from pairsift.adapters.remaining import Takedowns, find_takedowns
from pairsift.adapters.sampling import Sample, Wanted, draw_sample
from pairsift.adapters.store.engine import open_engine, prepare
from pairsift.adapters.targets import find_target, load_target
from pairsift.config import RunConfig
from pairsift.core.arrays import Flags, Integers
from pairsift.core.discrimination import interval, resampled_weights
from pairsift.core.examining import Discrimination, Sheet, discriminate, swap_aucs
from pairsift.core.grading import Candidate, PolicyGrade, draw_couples, grade
from pairsift.core.perturbing import Perturbation
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner
from pairsift.core.robustness import Moved, compare
from pairsift.core.selects import ALIGNMENT
from pairsift.core.signals import FUSION_MATCH, MASKED
from pairsift.core.training import NO_HEAD
from pairsift.errors import ConfigError, SourceError
from pairsift.models.bench import Bench
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit, require_signals, score_fingerprint
from pairsift.models.perturbed import measure_perturbed
from pairsift.models.pictures import fit_picture
from pairsift.models.planted import measure_planted, measure_swapped
from pairsift.models.scores import Encoder
from pairsift.settings import Settings

LEAST_PAIRS = 40
"""Below that a fault would be planted in less than four pairs at a time, and recall move in steps of 2.5 %."""
REPLICATES = 1000
"""Of the bootstrap."""
SWITCHES = ("clahe", "denoise", "unsharp")

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Exam:
    """What is asked: how many pairs, chosen and drawn by which seed, the share swapped in each draw, what is graded."""

    policies: Sequence[Policy]
    pairs: int = 300
    seed: int = 0
    swapped: float = 0.3
    draws: int = 50
    enhancements: bool = False
    fusions: Sequence[str] = ()

    @property
    def cleaners(self) -> list[Cleaner]:
        """The policies' cleaners, each once: under each the pairs are measured."""
        return list(dict.fromkeys(policy.cleaner for policy in self.policies))

    @property
    def passes(self) -> int:
        """How often every original is worked on."""
        return len(self.cleaners) + self.enhancements * len(SWITCHES) + len(self.fusions)


@dataclass(frozen=True, slots=True)
class Worth:
    """AUC of `pair.alignment` for swapped captions with one enhancement off and on; the gain's 95 % interval."""

    switch: str
    auc_off: float
    auc_on: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Robustness:
    """How far one way to fuse moves under each perturbation; `signal` is the score that is looked at."""

    fusion: str
    signal: str
    perturbed: Sequence[Moved]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `foreign_from` says where the captions in another language are from: source or shipped.

    So many pairs of the source were `forgotten`: they are not among those `read`.
    """

    source: str
    encoder: str
    seed: int
    read: int
    forgotten: int
    pairs: int
    foreign_from: str
    signals: Sequence[Discrimination]
    policies: Sequence[PolicyGrade]
    enhancements: Sequence[Worth] | None
    robustness: Sequence[Robustness] | None
    seconds: float

    def document(self) -> dict[str, Any]:
        """Put it as nested mappings and lists."""
        return asdict(self)


def evaluate(source: str, config: RunConfig, exam: Exam, advance: Advance) -> Outcome:
    """Examine an encoder and policies on some pairs of a source; `advance` is told how many originals were done.

    The signals are those under the first policy's cleaner; a policy with another has the pairs measured once more.
    SourceError for too few usable pairs; ConfigError and ModelUnavailableError as in a run. Nothing is stored.
    """
    started = time.monotonic()
    takedowns = find_takedowns(Settings().store_url)
    limit_threads(1)  # as in a run: every core works on pictures of its own
    for policy in exam.policies:
        require_signals(policy, config.score)
        _refuse_unknown(policy)
    candidates = [_candidate(policy, config) for policy in exam.policies]
    bench = _set_up(config, exam)
    fused = {name: replace(bench, encoder=_load_with(config, name)) for name in exam.fusions}
    sample = _draw(source, config, exam, bench, takedowns)
    sheets = {
        cleaner: measure_planted(replace(bench, cleaner=cleaner), sample.originals, advance)
        for cleaner in exam.cleaners
    }
    first = sheets[bench.cleaner]
    weights = resampled_weights(np.random.default_rng([exam.seed, 0]), len(first), REPLICATES)
    draws = _draws(exam, len(first) // 2)
    return Outcome(
        source=source,
        encoder=config.score.encoder,
        seed=exam.seed,
        read=sample.read,
        forgotten=takedowns.left_out,
        pairs=len(first),
        foreign_from=sample.foreign_from,
        signals=discriminate(first, weights),
        policies=[grade(sheets[each.policy.cleaner], each, weights, draws) for each in candidates],
        enhancements=_weigh_switches(bench, sample, first, weights, advance) if exam.enhancements else None,
        robustness=[_shake(name, other, sample, weights, advance) for name, other in fused.items()] or None,
        seconds=time.monotonic() - started,
    )


def _refuse_unknown(policy: Policy) -> None:
    if MASKED in policy.signals:
        raise ConfigError(f"policy {policy.name!r} goes by {MASKED}, and in an exam no text is masked: examine another")


def _candidate(policy: Policy, config: RunConfig) -> Candidate:
    """Take with a policy the target set that it names."""
    if policy.target is None:
        return Candidate(policy)
    prepare(Settings().store_url)
    scored = score_fingerprint(resolve(config.score), config.preprocess, policy.cleaner)
    found = find_target(open_engine(Settings().store_url), policy, scored)
    return Candidate(policy, None if found is None else load_target(Settings().storage.absolute(), found))


def _set_up(config: RunConfig, exam: Exam) -> Bench:
    score = resolve(config.score)
    fit = partial(fit_picture, fit=picture_fit(score))
    return Bench(load_encoder(score), fit, config.preprocess, exam.cleaners[0], exam.seed)


def _load_with(config: RunConfig, fusion: str) -> Encoder:
    return load_encoder(config.score.model_copy(update={"fusion": None if fusion == NO_HEAD else fusion}))


def _draw(source: str, config: RunConfig, exam: Exam, bench: Bench, takedowns: Takedowns) -> Sample:
    columns = frozenset(column for policy in exam.policies for column in policy.source_columns)
    wanted = Wanted(exam.pairs, exam.seed, bench.encoder.english_only, columns)
    sample = draw_sample(source, config, wanted, takedowns)
    if len(sample.originals) < LEAST_PAIRS:
        raise SourceError(
            f"{source}: {len(sample.originals)} of {sample.read} pairs read are usable (a picture and a caption of "
            f"their own, which {bench.encoder.name} can read), and at least {LEAST_PAIRS} are needed: give a larger "
            "source or more --pairs"
        )
    return sample


def _draws(exam: Exam, couples: int) -> list[Flags]:
    """Choose for each draw which couples swap their captions; each draw has a seed of its own."""
    seeds = ([exam.seed, 1, number] for number in range(exam.draws))
    return [draw_couples(np.random.default_rng(seed), couples, exam.swapped) for seed in seeds]


def _weigh_switches(bench: Bench, sample: Sample, sheet: Sheet, weights: Integers, advance: Advance) -> list[Worth]:
    """Turn each enhancement over, one at a time, and compare with the sheet of the config's own."""
    worths = []
    for switch in SWITCHES:
        was_on = getattr(bench.preprocess.enhance, switch)
        enhance = bench.preprocess.enhance.model_copy(update={switch: not was_on})
        turned = replace(bench, preprocess=bench.preprocess.model_copy(update={"enhance": enhance}))
        other = measure_swapped(turned, sample.originals, advance)
        off, on = (other, sheet) if was_on else (sheet, other)
        worths.append(_compare(switch, off, on, weights))
    return worths


def _shake(fusion: str, bench: Bench, sample: Sample, weights: Integers, advance: Advance) -> Robustness:
    """Perturb every original, and see how far what a head says of it moves: without one, what the encoder says."""
    signal = ALIGNMENT if fusion == NO_HEAD else FUSION_MATCH
    seen = measure_perturbed(bench, sample.originals, signal, advance)
    moved = [compare(each, seen[None], seen[each], weights) for each in Perturbation]
    return Robustness(fusion, signal, moved)


def _compare(switch: str, off: Sheet, on: Sheet, weights: Integers) -> Worth:
    """Compare the same pairs under the same weightings, of which the first says nothing."""
    every = np.concatenate([np.ones((1, len(off)), np.int64), weights])
    before, after = (swap_aucs(sheet, ALIGNMENT, every) for sheet in (off, on))
    low, high = interval(after[1:] - before[1:])
    return Worth(switch, float(before[0]), float(after[0]), float(after[0] - before[0]), low, high)
