"""Fits an adapter of `conse` to the user's own pairs, says what it is worth on pairs held out, and keeps it if any."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.keeping import keep_trained
from pairsift.adapters.lessons import Lesson, prepare_lesson
from pairsift.adapters.store.trained import TrainedRow, require_free
from pairsift.config import RunConfig
from pairsift.core.adapting import Adapter, Studied, Worth, fit_best, judge
from pairsift.core.fingerprint import fingerprint
from pairsift.core.folds import group_alike
from pairsift.core.preprocessing import PreparedLesson
from pairsift.errors import ConfigError, SourceError
from pairsift.models.adapter import to_tensors
from pairsift.models.conse import Conse
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.pictures import fit_picture
from pairsift.models.trained import save_trained, trained_uri
from pairsift.settings import Settings

LEAST_GROUPS = 100
"""Pairs that are not alike; below that a gain of 0.03 is lost in its interval."""
_BLOCK = 64
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a name, where the pairs come from, for the record, and the seed of the folds."""

    name: str
    learnt_from: str
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `file` and `sha256` are None if it is worth nothing and was not kept."""

    name: str
    encoder: str
    learnt_from: str
    pairs: int
    groups: int
    ridge: float
    worth: Worth
    file: str | None
    sha256: str | None
    seconds: float

    def document(self) -> dict[str, Any]:
        """Put it as nested mappings."""
        return asdict(self)


def adapt(engine: Engine, lessons: Iterable[Lesson], config: RunConfig, asked: Asked, advance: Advance) -> Outcome:
    """Fit an adapter on pairs; kept if the gain of held-out pairs is surely above 0.

    ConfigError for another encoder or a name that is taken, SourceError where too few pairs can be read.
    """
    started = time.monotonic()
    limit_threads(1)
    encoder = _conse(config)
    require_free(engine, "adapter", asked.name)
    studied, uids = _study_all(encoder, lessons, config, advance)
    groups = _count_groups(studied, asked)
    worth = judge(studied, asked.seed)
    best = fit_best(studied, asked.seed)
    data = {
        "from": asked.learnt_from,
        "pairs": len(studied),
        "groups": groups,
        "pairs_sha256": fingerprint(sorted(uids)),
    }
    made = _trained(encoder, asked.name, best, worth, data)
    kept = None
    if worth.gain_low > 0:
        write = partial(save_trained, to_tensors(best), made.said())
        kept = keep_trained(engine, Settings().storage.absolute(), "adapter", made, write)
    return Outcome(
        name=asked.name,
        encoder=encoder.name,
        learnt_from=asked.learnt_from,
        pairs=len(studied),
        groups=groups,
        ridge=best.ridge,
        worth=worth,
        file=None if kept is None else str(Settings().storage / kept.uri),
        sha256=None if kept is None else kept.sha256,
        seconds=time.monotonic() - started,
    )


def _conse(config: RunConfig) -> Conse:
    encoder = load_encoder(resolve(config.score.model_copy(update={"adapter": None})))
    if not isinstance(encoder, Conse):
        raise ConfigError(f"only conse takes an adapter, not {encoder.name}: give --encoder conse")
    return encoder


def _study_all(
    encoder: Conse, lessons: Iterable[Lesson], config: RunConfig, advance: Advance
) -> tuple[Studied, list[str]]:
    """Read pairs block by block, and keep of them what an adapter is fitted on, and their uids."""
    fit = partial(fit_picture, fit=picture_fit(config.score))
    remaining = iter(lessons)
    pairs: list[PreparedLesson] = []
    parts: list[tuple[np.ndarray, ...]] = []
    while block := list(islice(remaining, _BLOCK)):
        prepared = [prepare_lesson(one, config.preprocess, fit, english_only=encoder.english_only) for one in block]
        readable = [one for one in prepared if one is not None]
        if readable:
            parts.append(encoder.study(np.stack([one.pixels for one in readable]), [one.caption for one in readable]))
        pairs += [replace(one, pixels=_NO_PIXELS) for one in readable]
        advance(len(block))
    empty = np.empty((0, encoder.dim))
    features, image, text = (
        np.concatenate([np.asarray(part[n], np.float64) for part in parts] or [empty]) for n in range(3)
    )
    groups = group_alike([p.image_sha256 for p in pairs], [p.caption for p in pairs], [p.hash for p in pairs])
    return Studied(features, image, text, groups), [pair.uid for pair in pairs]


def _count_groups(studied: Studied, asked: Asked) -> int:
    groups = int(studied.groups.max(initial=-1)) + 1
    if groups < LEAST_GROUPS:
        raise SourceError(
            f"{asked.learnt_from}: {groups} pairs that are not alike can be read, and at least {LEAST_GROUPS} are "
            "needed to tell whether an adapter is worth anything: give more pairs"
        )
    return groups


def _trained(encoder: Conse, name: str, best: Adapter, worth: Worth, data: dict[str, Any]) -> TrainedRow:
    metrics = {name: round(value, 4) for name, value in asdict(worth).items()}
    shape = {"features": len(best.centre), "dim": encoder.dim, "ridge": best.ridge}
    return TrainedRow(name, encoder.space, encoder.name, shape, data, metrics, trained_uri("adapter", name))
