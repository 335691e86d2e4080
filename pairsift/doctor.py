"""Looks at everything a run needs, and says what to do where something is amiss."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from pairsift.adapters.store.engine import open_engine, prepare, shown_url
from pairsift.config import ScoreConfig
from pairsift.errors import ModelUnavailableError, PairsiftError
from pairsift.models.device import resolve
from pairsift.models.encoder import model_cards
from pairsift.models.text_detection import detector_fingerprint
from pairsift.settings import Settings

LEAST_FREE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `state` is ok or amiss, `detail` what was found or what to do."""

    what: str
    state: str
    detail: str


def examine() -> list[Finding]:
    """Look at versions, database, storage, object stores, models, device and Prefect."""
    return [
        Finding("versions", "ok", ", ".join(f"{name} {version(name)}" for name in ("pairsift", "prefect", "torch"))),
        _look("database", _database),
        _look("storage", _storage),
        Finding("object stores", "ok", _object_stores()),
        _look("device", _device),
        _look("models", _models),
        Finding("text detection", "ok", _text_detection()),
        _look("prefect", _prefect),
    ]


def _look(what: str, find: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", find())
    except (PairsiftError, OSError) as error:
        return Finding(what, "amiss", str(error))


def _database() -> str:
    url = Settings().store_url
    prepare(url)
    return shown_url(open_engine(url))


def _storage() -> str:
    folder = Settings().storage.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < LEAST_FREE_GB:
        raise OSError(f"{folder} has {free_gb:.1f} GB free: make room or set PAIRSIFT_STORAGE to another folder")
    return f"{folder}, {free_gb:.0f} GB free"


def _object_stores() -> str:
    try:
        return f"s3:// by s3fs {version('s3fs')}"
    except PackageNotFoundError:
        return "none: for s3:// install the extra s3 (pip install 'pairsift[s3]')"


def _device() -> str:
    resolved = resolve(ScoreConfig())
    return f"{resolved.device}, {resolved.dtype}, batches of {resolved.batch_size}"


def _models() -> str:
    return ", ".join(f"{card.name} {card.fingerprint[:12]}" for card in model_cards(ScoreConfig()))


def _text_detection() -> str:
    """Say whether the extra is there: nothing is amiss without it."""
    try:
        return f"{detector_fingerprint()[:12]}, for score.mask_text"
    except ModelUnavailableError as error:
        return f"not installed: {error}"


def _prefect() -> str:
    from prefect.settings import get_current_settings  # noqa: PLC0415 - seconds

    settings = get_current_settings()
    address = settings.api.url
    return f"server at {address}" if address else f"a server of its own for each run, in {settings.home}"
