"""Encoders by name: found and identified cheaply, loaded once per process."""

from threading import Lock

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.fingerprint import SCORING_VERSION, fingerprint
from pairsift.core.records import Cleaner
from pairsift.errors import ModelUnavailableError
from pairsift.models.conse import NAME, ConseSource, find_conse, load_conse
from pairsift.models.device import resolve
from pairsift.models.scores import Encoder, ModelCard

_loaded: dict[ScoreConfig, Encoder] = {}
_loading = Lock()


def load_encoder(config: ScoreConfig) -> Encoder:
    """Load the encoder of a config, once per process, whichever thread asks first.

    Raises ModelUnavailableError for an unknown encoder, absent weights or an absent device.
    """
    resolved = resolve(config)
    with _loading:
        if resolved not in _loaded:
            _loaded[resolved] = load_conse(_find(resolved), resolved)
        return _loaded[resolved]


def model_cards(config: ScoreConfig) -> tuple[ModelCard, ...]:
    """Name the encoder and its parts with their fingerprints, for the ledger; builds no net."""
    source = _find(resolve(config))
    return (ModelCard(config.encoder, source.fingerprint), *source.cards)


def score_fingerprint(config: ScoreConfig, preprocess: PreprocessConfig, cleaner: Cleaner) -> str:
    """Identify how pairs are scored: preprocessing, cleaner, weights, dtype, backend and scoring version.

    Reads the weight files' bytes and builds no net. Raises ModelUnavailableError as `load_encoder` does.
    """
    return fingerprint(
        {
            "version": SCORING_VERSION,
            "preprocess": preprocess.model_dump(mode="json"),
            "cleaner": cleaner,
            "encoder": _find(resolve(config)).fingerprint,
        }
    )


def _find(config: ScoreConfig) -> ConseSource:
    if config.encoder != NAME:
        raise ModelUnavailableError(f"encoder {config.encoder!r} is unknown: use {NAME}")
    return find_conse(config)
