"""WHAT to do: frozen models, validated at the edge, hashed where they change a result."""

from pairsift.config.choices import (
    AUGMENTATIONS,
    COLUMN_NAME,
    EXPORT_FORMATS,
    MOST_IMAGE_BYTES,
    SOURCE_FORMATS,
    Augmentation,
    ExportFormat,
    SourceFormat,
)
from pairsift.config.measuring import ColumnsConfig, EnhanceConfig, IngestConfig, PreprocessConfig, ScoreConfig
from pairsift.config.model import Model, explain_validation
from pairsift.config.request import PartitionJob, RunRequest
from pairsift.config.run import DispatchConfig, ExportConfig, RunConfig, config_for, load_config

__all__ = [
    "AUGMENTATIONS",
    "COLUMN_NAME",
    "EXPORT_FORMATS",
    "MOST_IMAGE_BYTES",
    "SOURCE_FORMATS",
    "Augmentation",
    "ColumnsConfig",
    "DispatchConfig",
    "EnhanceConfig",
    "ExportConfig",
    "ExportFormat",
    "IngestConfig",
    "Model",
    "PartitionJob",
    "PreprocessConfig",
    "RunConfig",
    "RunRequest",
    "ScoreConfig",
    "SourceFormat",
    "config_for",
    "explain_validation",
    "load_config",
]
