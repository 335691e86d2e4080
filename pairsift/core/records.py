"""The values that travel between the stages, and the closed sets of verdicts and reasons."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pairsift.config import MOST_IMAGE_BYTES

NO_BYTES_MARKER = b"pairsift:absent"
"""Hashed in place of an image or a caption that a pair has not."""


MOST_HELD_BYTES = MOST_IMAGE_BYTES
"""Longer images are hashed, and never held: a hostile source could fill the memory with one."""


class Verdict(StrEnum):
    """What was decided about a pair."""

    KEEP = "keep"
    DROP = "drop"
    QUARANTINE = "quarantine"


class Reason(StrEnum):
    """Why a signal is unmeasurable, or why a pair is not kept. A closed set: it is what people search for."""

    # The image cannot be read.
    IMAGE_MISSING = "image_missing"
    IMAGE_EMPTY = "image_empty"
    IMAGE_FILE_TOO_LARGE = "image_file_too_large"
    IMAGE_UNKNOWN_FORMAT = "image_unknown_format"
    IMAGE_CORRUPT = "image_corrupt"
    IMAGE_TOO_MANY_PIXELS = "image_too_many_pixels"
    IMAGE_DECODE_TIMEOUT = "image_decode_timeout"
    IMAGE_DECODE_MEMORY = "image_decode_memory"
    IMAGE_DECODE_CRASH = "image_decode_crash"
    # The caption cannot be read.
    CAPTION_MISSING = "caption_missing"
    CAPTION_NOT_UTF8 = "caption_not_utf8"
    CAPTION_TOO_LONG = "caption_too_long"
    CAPTION_EMPTY = "caption_empty"
    # It was taken down: nothing of it is read, measured or stored.
    FORGOTTEN = "forgotten"
    # The pair can be read, but a model cannot measure it.
    LANGUAGE_UNSUPPORTED = "language_unsupported"
    SIGNAL_UNMEASURABLE = "signal_unmeasurable"
    # The source carries no such column of the pair, or one of another type.
    SOURCE_COLUMN_MISSING = "source_column_missing"
    # A model will be measured on it.
    EVALUATION_IMAGE = "evaluation_image"
    EVALUATION_NEAR_IMAGE = "evaluation_near_image"
    EVALUATION_SEMANTIC_IMAGE = "evaluation_semantic_image"
    EVALUATION_CAPTION = "evaluation_caption"
    # A rule of the policy dropped it.
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_FILE_TOO_SMALL = "image_file_too_small"
    ODD_ASPECT_RATIO = "odd_aspect_ratio"
    BLURRY = "blurry"
    DARK = "dark"
    LIGHT = "light"
    LOW_INFORMATION = "low_information"
    GRAYSCALE = "grayscale"
    CAPTION_TOO_SHORT = "caption_too_short"
    CAPTION_IS_FILENAME = "caption_is_filename"
    CAPTION_IS_URL = "caption_is_url"
    CAPTION_IS_CODE = "caption_is_code"
    CAPTION_MOSTLY_REMOVED = "caption_mostly_removed"
    WRONG_LANGUAGE = "wrong_language"
    POLICY_RULE = "policy_rule"
    # Another pair is the same, or nearly, or the picture says nothing of its many captions.
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    SEMANTIC_DUPLICATE = "semantic_duplicate"
    PLACEHOLDER = "placeholder"
    # The selection left it out.
    BELOW_CUT = "below_cut"
    LIKELY_MISMATCHED = "likely_mismatched"


class Cleaner(StrEnum):
    """How a raw caption becomes the caption that is scored."""

    DEFAULT = "default"
    BASELINE = "baseline"


ColumnValue = float | int | str
"""What a source may carry of a pair besides image and caption."""

SignalValue = ColumnValue | None
"""None: not measured; the reason is then in the pair's `unmeasurable`, or the signal does not apply."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where bytes lie: `size` bytes from `offset` of the object at `uri`, of what comes out of it if it is compressed.

    In a Parquet file that is a cell, which `uri` names after the file: `…#row_group=3&row=17&column=jpg`.
    """

    uri: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class SourcePair:
    """One pair as a source lists it, in the source's order, before anything is read into it."""

    key: str
    image: Location | None
    caption: Location | None
    source_uid: str | None = None


@dataclass(frozen=True, slots=True)
class IngestedPair:
    """One pair after ingest: identified and located. `ordinal` counts from 0 within the partition.

    `source_columns` are those of the source's columns that were asked for and that it carries.
    """

    ordinal: int
    uid: str
    key: str
    image: Location | None
    image_sha256: str | None
    raw_caption: bytes | None
    source_uid: str | None = None
    source_columns: Mapping[str, ColumnValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PairContent:
    """What a pair's measurements are a function of, beside how it is scored: pairs alike in it are measured once.

    The uid alone does not tell an absent caption or image from one that reads like its marker.
    """

    uid: str
    image_sha256: str | None
    captioned: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """Signals of one pair, by name; `unmeasurable` says of some why they could not be measured."""

    values: Mapping[str, SignalValue] = field(default_factory=dict)
    unmeasurable: Mapping[str, Reason] = field(default_factory=dict)


def pair_uid(image_digest: bytes, caption: bytes | None) -> str:
    r"""Identify a pair by its content: 32 hex digits.

    The first 16 bytes of sha256(sha256(image) ‖ sha256(caption)), the caption without one trailing newline (so that
    `a cat` and `a cat\n` are one caption), NO_BYTES_MARKER hashed where there is none. `image_digest` is the image's.
    """
    text = NO_BYTES_MARKER if caption is None else caption.removesuffix(b"\n")
    caption_digest = hashlib.sha256(text).digest()
    return hashlib.sha256(image_digest + caption_digest).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class PartitionSpec:
    """One partition of a source as the source lists it, before it is read.

    `input_fingerprint` identifies the input cheaply: sha256 over each file's name, size and version token
    (modification time, ETag), so that an unchanged partition is recognised without reading it.
    `members` are what a slice is made of: files relative to `uri`, rows of a table, annotations; empty for a container.
    """

    key: str
    uri: str
    format: str
    input_fingerprint: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a container that could not be read: what, where, and how many pairs it cost at least."""

    message: str
    offset: int
    lost_pairs: int = 1


@dataclass(frozen=True, slots=True)
class ReadPair:
    """One pair of a source with its bytes, as ingest sees it.

    `fields` is what the source says of the pair, as it says it: anything may be in it. Of an image of more than
    `MOST_HELD_BYTES` there is only `image_sha256`.
    """

    pair: SourcePair
    image: bytes | None
    caption: bytes | None
    fields: Mapping[str, object] = field(default_factory=dict)
    image_sha256: str | None = None
