"""Finds text in pictures, by RapidOCR's nets, whose weights come with its package: the extra `tmars`."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import local
from typing import Any

import numpy as np

from pairsift.core.fingerprint import fingerprint
from pairsift.core.text_masks import LEAST_LETTERS, LEAST_SCORE, Boxes, Pixels, mask_boxes, readable
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import digest_file

LONG_SIDE_PX = 512
"""Larger pictures are looked at in this size, T-MARS's own."""
PACKAGES = ("rapidocr", "onnxruntime")
PARTS = ("det", "rec")
_here = local()


def mask_text(rgb: Pixels) -> Pixels | None:
    """Mask the text in a picture (h, w, 3) RGB; None where there is none."""
    boxes = find_text(rgb)
    return mask_boxes(rgb, boxes) if len(boxes) else None


def find_text(rgb: Pixels) -> Boxes:
    """Find the text in a picture (h, w, 3) RGB: a box a line, (k, 4, 2).

    Its detector alone draws a box around what stands out wherever there is no text, often around the whole picture;
    boxes in which nothing can be read are left out.
    """
    found = load_detector()(np.ascontiguousarray(rgb[:, :, ::-1]), use_det=True, use_cls=False, use_rec=True)
    if found.boxes is None:
        return np.zeros((0, 4, 2), np.float32)
    kept = [readable(text, score) for text, score in zip(found.txts, found.scores, strict=True)]
    return np.asarray(found.boxes, dtype=np.float32).reshape(-1, 4, 2)[kept]


def load_detector() -> Any:  # noqa: ANN401 - an optional extra without types
    """Give this thread's own nets, on one core: they keep what they work on in themselves."""
    if not hasattr(_here, "detector"):
        from rapidocr import RapidOCR  # noqa: PLC0415 - an optional extra, and seconds

        weights = _weights()
        asked = {
            "Global.log_level": "critical",  # that a picture has no text is a warning to it
            "Global.text_score": 0.0,
            "Det.limit_side_len": LONG_SIDE_PX,
            "Det.limit_type": "max",
            # Where the files are named, it looks for none on the net.
            "Det.model_path": str(weights["det"]),
            "Rec.model_path": str(weights["rec"]),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        _here.detector = RapidOCR(params=asked)
    return _here.detector


@cache
def detector_fingerprint() -> str:
    """Identify what finds the text; ModelUnavailableError if it is not installed."""
    try:
        versions = {name: version(name) for name in PACKAGES}
    except PackageNotFoundError as error:
        raise _not_installed() from error
    weights = {part: digest_file(file) for part, file in _weights().items()}
    limits = {"long_side_px": LONG_SIDE_PX, "least_score": LEAST_SCORE, "least_letters": LEAST_LETTERS}
    return fingerprint({"versions": versions, "weights": weights, **limits})


def _weights() -> dict[str, Path]:
    """Find the weight files in the package."""
    found = find_spec("rapidocr")
    folder = Path(str(found.origin)).parent / "models" if found else Path()
    files = {part: sorted(folder.glob(f"*_{part}_*.onnx")) if found else [] for part in PARTS}
    if not all(files.values()):
        raise _not_installed()
    return {part: candidates[0] for part, candidates in files.items()}


def _not_installed() -> ModelUnavailableError:
    return ModelUnavailableError(
        "score.mask_text finds the text in pictures by RapidOCR: pip install 'pairsift[tmars]'"
    )
