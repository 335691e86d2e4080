"""Encoders by name: found and identified cheaply, loaded once per process."""

from pathlib import Path
from threading import Lock

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.fingerprint import SCORING_VERSION, fingerprint
from pairsift.core.images import SQUARE, Fit
from pairsift.core.policy import Policy
from pairsift.core.records import Cleaner
from pairsift.core.signals import BASELINE_SIGNALS, CONSISTENCY, FUSION_MATCH, MASKED
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models import conse
from pairsift.models.checkpoints import find_clip
from pairsift.models.clip_loading import ClipModels, find_clip_models, load_clip
from pairsift.models.conse_loading import ConseSource, find_conse, load_conse
from pairsift.models.device import resolve
from pairsift.models.files import CLIP_PREFIX
from pairsift.models.quantised import INT8
from pairsift.models.scores import Encoder, ModelCard
from pairsift.models.text_detection import detector_fingerprint
from pairsift.settings import Settings

_loaded: dict[tuple[ScoreConfig, Path | None], Encoder] = {}
_loading = Lock()


def load_encoder(config: ScoreConfig) -> Encoder:
    """Load the encoder of a config, once per process, whichever thread asks first.

    Raises ModelUnavailableError for an unknown encoder, absent weights or an absent device.
    """
    resolved = resolve(config)
    in_storage = resolved.dtype == INT8 or resolved.adapter is not None or resolved.fusion is not None
    known_as = (resolved, Settings().storage if in_storage else None)
    with _loading:
        if known_as not in _loaded:
            found = _find(resolved)
            _loaded[known_as] = (
                load_clip(found, resolved) if isinstance(found, ClipModels) else load_conse(found, resolved)
            )
        return _loaded[known_as]


def model_cards(config: ScoreConfig) -> tuple[ModelCard, ...]:
    """Name the encoder and its parts with their fingerprints, for the ledger; builds no net."""
    source = _find(resolve(config))
    return (ModelCard(config.encoder, source.fingerprint), *source.cards)


def picture_fit(config: ScoreConfig) -> Fit:
    """Tell how the encoder of a config takes pictures; builds no net."""
    return find_clip(config.encoder).fit if config.encoder.startswith(CLIP_PREFIX) else SQUARE


def left_out(config: ScoreConfig) -> frozenset[str]:
    """Name the signals that the encoder of a config does not measure."""
    off = frozenset({MASKED} if not config.mask_text else ()) | (
        {FUSION_MATCH} if config.fusion is None else frozenset()
    )
    if not config.encoder.startswith(CLIP_PREFIX):
        return off
    return off | ({CONSISTENCY} if config.baseline == "on" else {CONSISTENCY, *BASELINE_SIGNALS})


def require_signals(policy: Policy, score: ScoreConfig) -> None:
    """Refuse (ConfigError) a policy that goes by signals which the encoder does not measure."""
    lacking = sorted(policy.signals & left_out(score))
    if lacking:
        remedy = next(told for signal, told in _REMEDIES.items() if signal in lacking)
        raise ConfigError(
            f"policy {policy.name!r} goes by {', '.join(lacking)}, which {score.encoder} does not measure by itself: "
            f"{remedy}"
        )


_REMEDIES = {
    FUSION_MATCH: "train a head with `pairsift train-fusion` and name it in score.fusion",
    MASKED: "set score.mask_text to true, which needs the extra: pip install 'pairsift[tmars]'",
    CONSISTENCY: "score with the encoder conse",
    **dict.fromkeys(BASELINE_SIGNALS, "set score.baseline to on"),
}


def space_of(config: ScoreConfig) -> str:
    """Identify what the vectors and tokens of a config's encoder are of, to which what is trained for it belongs."""
    return _find(resolve(config).model_copy(update={"fusion": None})).space


def score_fingerprint(config: ScoreConfig, preprocess: PreprocessConfig, cleaner: Cleaner) -> str:
    """Identify how pairs are scored: preprocessing, cleaner, weights, dtype, backend and scoring version.

    What finds text is part of it only where text is masked.

    Reads the weight files' bytes and builds no net. Raises ModelUnavailableError as `load_encoder` does.
    """
    return fingerprint(
        {
            "version": SCORING_VERSION,
            "preprocess": preprocess.identity,
            "cleaner": cleaner,
            "encoder": _find(resolve(config)).fingerprint,
            **({"text_detector": detector_fingerprint()} if config.mask_text else {}),
        }
    )


def _find(config: ScoreConfig) -> ConseSource | ClipModels:
    if config.encoder == conse.NAME:
        return find_conse(config)
    if config.adapter is not None:
        raise ConfigError(f"score.adapter is for the encoder {conse.NAME}, not for {config.encoder}: set it to null")
    if not config.encoder.startswith(CLIP_PREFIX):
        raise ModelUnavailableError(
            f"encoder {config.encoder!r} is unknown: use {conse.NAME} or {CLIP_PREFIX}MODEL:TAG-OR-PATH"
        )
    return find_clip_models(config)
