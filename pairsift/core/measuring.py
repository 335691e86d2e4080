"""Brings together what preprocessing and an encoder measured of a pair: one value or one reason for every signal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pairsift.core.captions import readable_in_english
from pairsift.core.records import Measurement, Reason, SignalValue
from pairsift.core.signals import CONSISTENCY, FUSION_MATCH, IMAGE_SIGNALS, MASKED, SIGNALS, TEXT_SIGNALS

_OF_BOTH = frozenset({"pair.alignment", MASKED, FUSION_MATCH, CONSISTENCY, "baseline.pair_quality"})
NEEDS_IMAGE = _OF_BOTH | {"baseline.image_quality"}
NEEDS_CAPTION = _OF_BOTH | {"baseline.text_quality"}


@dataclass(frozen=True, slots=True)
class SignalTable:
    """Every signal of n pairs as columns, None where not measured, and for each pair why."""

    signals: Mapping[str, Sequence[SignalValue]]
    unmeasurable: Sequence[Mapping[str, Reason]]


def encodable_caption(caption: str | None, measured: Measurement) -> str | None:
    """Return the caption if an encoder that knows only English may measure it, else None."""
    if caption is None:
        return None
    language = measured.values["text.language"]
    confidence = measured.values["text.language_confidence"]
    readable = readable_in_english(
        caption,
        language if isinstance(language, str) else None,
        confidence if isinstance(confidence, float) else None,
    )
    return caption if readable else None


def merge(measured: Sequence[Measurement], modelled: Mapping[str, Sequence[float]]) -> SignalTable:
    """Add an encoder's signals (n values each, NaN where absent) to the n measurements of preprocessing.

    A signal that the encoder does not measure at all does not apply to any pair.
    """
    rows = [_merge_pair(pair, {name: modelled[name][i] for name in modelled}) for i, pair in enumerate(measured)]
    columns = {signal.name: [row.values.get(signal.name) for row in rows] for signal in SIGNALS}
    return SignalTable(columns, [row.unmeasurable for row in rows])


def _merge_pair(measured: Measurement, modelled: Mapping[str, float]) -> Measurement:
    absent = {name for name, value in modelled.items() if math.isnan(value)}
    present = {name: float(value) for name, value in modelled.items() if name not in absent}
    encoded = "pair.alignment" in present
    reasons = {name: _why_absent(name, measured.unmeasurable, encoded=encoded) for name in sorted(absent)}
    return Measurement({**measured.values, **present}, {**measured.unmeasurable, **reasons})


def _why_absent(signal: str, unmeasurable: Mapping[str, Reason], *, encoded: bool) -> Reason:
    """Tell why the encoder gave no number: the image's fault, the caption's, or a language it does not know.

    If it encoded the pair it knows the language.
    """
    image, caption = unmeasurable.get(IMAGE_SIGNALS[0]), unmeasurable.get(TEXT_SIGNALS[0])
    if image is not None and signal in NEEDS_IMAGE:
        return image
    if caption is not None and signal in NEEDS_CAPTION:
        return caption
    unknown_language = signal in NEEDS_CAPTION and not encoded
    return Reason.LANGUAGE_UNSUPPORTED if unknown_language else Reason.SIGNAL_UNMEASURABLE
