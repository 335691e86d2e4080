"""Closed sets of words that configs and commands take, and limits of what they name."""

from typing import Literal, get_args

SourceFormat = Literal[
    "auto", "webdataset", "parquet", "manifest", "coco", "imagefolder", "kohya", "img2dataset-files", "folder"
]
"""How a source is read: found by looking, or by one of the readers of `adapters.sources`."""


MOST_IMAGE_BYTES = 1 << 28
"""No reader holds more of an image."""

ExportFormat = Literal["shard", "images", "clip-retrieval", "open-clip-csv", "kohya"]
"""What an export can also be written as, by `adapters.exports`."""

Augmentation = Literal["crop", "flip", "colour", "blur", "jpeg", "words"]
"""What may be changed in a pair that a model learns from, by `models.augmenting`."""

AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
SOURCE_FORMATS: tuple[str, ...] = get_args(SourceFormat)
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)

COLUMN_NAME = r"^[^\s\x00-\x1f]{1,100}$"
"""What a column of a source may be called."""
