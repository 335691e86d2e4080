"""Every signal there is: its name, type, unit, definition and source. The tables, docs and policies follow this list."""

from dataclasses import dataclass
from typing import Literal

SignalType = Literal["float", "int", "str"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One measured number (or label) of a pair; a function of the pair and a model, never of its neighbours."""

    name: str
    type: SignalType
    unit: str
    definition: str
    source: str = ""

    @property
    def column(self) -> str:
        """The signal's column in tables, views and files."""
        return self.name.replace(".", "_")


SIGNALS: tuple[Signal, ...] = (
    Signal("image.width", "int", "px", "width after EXIF rotation"),
    Signal("image.height", "int", "px", "height after EXIF rotation"),
    Signal("image.aspect_ratio", "float", "ratio ≥ 1", "long side over short side"),
    Signal("image.bytes", "int", "bytes", "size of the image file"),
    Signal("image.sharpness", "float", "grey level²", "variance of the Laplacian of the grey 256-px copy",
           "Pech-Pacheco et al., 2000"),
    Signal("image.brightness", "float", "0–1", "mean grey level of the 256-px copy over 255"),
    Signal("image.brightness_p5", "float", "0–1", "5th percentile of the grey level of the 256-px copy over 255, by nearest rank"),
    Signal("image.brightness_p99", "float", "0–1", "99th percentile of the grey level of the 256-px copy over 255, by nearest rank"),
    Signal("image.contrast", "float", "0–0.5", "standard deviation of the grey level of the 256-px copy over 255"),
    Signal("image.entropy", "float", "bit", "Shannon entropy of the 256-bin grey histogram of the 256-px copy"),
    Signal("image.chroma", "float", "0–1", "mean of max(R, G, B) − min(R, G, B) over 255, on a grid of pixels; 0 if all of them are grey"),
    Signal("image.phash", "str", "16 hex digits", "64-bit perceptual hash: signs of the lowest 8×8 DCT coefficients against their median",
           "Zauner, 2010; bit order of ImageHash"),
    Signal("text.characters", "int", "characters", "length of the cleaned caption"),
    Signal("text.words", "int", "words", "white-space separated words of the cleaned caption"),
    Signal("text.language", "str", "ISO 639 code", "most probable language of the cleaned caption", "py3langid"),
    Signal("text.language_confidence", "float", "0–1", "probability of that language", "py3langid"),
    Signal("text.share_removed", "float", "0–1", "share of the raw caption's characters, white space apart, that cleaning removed"),
    Signal("text.filename_likeness", "float", "0–1", "share of the caption's non-space characters that stand in file names"),
    Signal("text.url_likeness", "float", "0–1", "share of the caption's non-space characters that stand in URLs"),
    Signal("text.code_likeness", "float", "0–1", "share of the caption's non-space characters that stand in markup, code or identifiers"),
    Signal("text.semantic_consistency", "float", "cosine, −1–1", "highest cosine of the caption's sentence embedding with those of the names of the 8 classes most probable of the image, phrases such as “a photo of” removed from both", "after SIEVE, 2024"),
    Signal("pair.alignment", "float", "cosine, −1–1", "cosine of image and caption embedding under the encoder"),
    Signal("pair.alignment_masked", "float", "cosine, −1–1", "cosine of caption and image with the text in the image masked; pair.alignment where no text was found", "T-MARS, 2024"),
    Signal("pair.fusion_match", "float", "0–1", "probability by a trained fusion head that image and caption belong together, as if every second pair did", "after ALBEF, 2021"),
    Signal("baseline.image_quality", "float", "logit²", "population variance of the classifier's logits, pixels as score.baseline_input says", "reference method"),
    Signal("baseline.text_quality", "float", "1", "mean of the squared components of the caption's sentence embedding", "reference method"),
    Signal("baseline.pair_quality", "float", "logit²", "baseline.image_quality × baseline.text_quality", "reference method"),
)  # fmt: skip

MASKED = "pair.alignment_masked"
"""A signal that is measured only where `score.mask_text` is on."""

NEG_CLIP_LOSS = "pair.neg_clip_loss"
NORM_SIM = "pair.norm_sim"

RELATIVE_SIGNALS: tuple[Signal, ...] = (
    Signal(NEG_CLIP_LOSS, "float", "cosine, ≤ 0", "cosine of image and caption less the soft maxima of their cosines with those of the reference set", "negCLIPLoss, 2024"),
    Signal(NORM_SIM, "float", "cosine, 0–1, or their norm", "cosine of the image with the nearest of the policy's target set, or the norm of its cosines with all of them", "NormSim, 2024"),
)  # fmt: skip
"""Numbers that compare a pair with a reference set: policies name them as signals, and decisions hold them."""

CONSISTENCY = "text.semantic_consistency"
"""A signal of the caption that a model measures, of the image."""

FUSION_MATCH = "pair.fusion_match"
"""A signal of a trained head; without one it does not apply."""

BY_NAME: dict[str, Signal] = {signal.name: signal for signal in (*SIGNALS, *RELATIVE_SIGNALS)}
RELATIVE: frozenset[str] = frozenset(signal.name for signal in RELATIVE_SIGNALS)
NUMBERS: tuple[str, ...] = tuple(s.name for s in SIGNALS if s.type != "str")
IMAGE_SIGNALS: tuple[str, ...] = tuple(s.name for s in SIGNALS if s.name.startswith("image."))
MODEL_SIGNALS: tuple[str, ...] = tuple(
    s.name for s in SIGNALS if s.name.startswith(("pair.", "baseline.")) or s.name == CONSISTENCY
)
TEXT_SIGNALS: tuple[str, ...] = tuple(
    s.name for s in SIGNALS if s.name.startswith("text.") and s.name not in MODEL_SIGNALS
)
"""Those that are measured of the caption alone, without a model."""
BASELINE_SIGNALS: tuple[str, ...] = tuple(s.name for s in SIGNALS if s.name.startswith("baseline."))

SOURCE_PREFIX = "source."
"""What the name of a column of the source begins with in policies: `source.similarity`."""


def source_column(name: str) -> str | None:
    """Tell which column of the source a name of a policy stands for; None for a signal."""
    return name.removeprefix(SOURCE_PREFIX) if name.startswith(SOURCE_PREFIX) else None


def unit_of(name: str) -> str:
    """Tell the unit of a signal or a source column."""
    return BY_NAME[name].unit if source_column(name) is None else "as in the source"
