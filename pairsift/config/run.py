"""Everything a run may be told by `--config`, and the file that tells it."""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pairsift.config.choices import ExportFormat
from pairsift.config.measuring import IngestConfig, PreprocessConfig, ScoreConfig
from pairsift.config.model import Model, explain_validation
from pairsift.errors import ConfigError


class ExportConfig(Model):
    """What is written for a partition."""

    formats: tuple[ExportFormat, ...] = Field(
        default=(),
        description="Formats for trainers, written besides the tables: shard, images, clip-retrieval, open-clip-csv, "
        "kohya.",
    )

    @property
    def written(self) -> list[str]:
        """Every format that is written: the tables always, each format once."""
        return ["pairs", "embeddings", "uids", *dict.fromkeys(self.formats)]


class DispatchConfig(Model):
    """Who works on a run's partitions; changes nothing in the results, so it is never hashed."""

    work_pool: str | None = Field(
        default=None,
        description="Prefect work pool whose workers curate the partitions, each in a run of its own; without one "
        "they are curated one after the other where the run itself is executed.",
    )
    in_flight: int = Field(default=16, ge=1, description="Most partitions started on the work pool at once.")
    tries: int = Field(
        default=3,
        ge=1,
        description="Most starts of a partition whose worker or process was lost; after an error of its own it is not "
        "started again.",
    )
    stuck_after_s: float = Field(
        default=300,
        gt=0,
        title="Stuck after (seconds)",
        description="Seconds without a sign of life after which a started partition counts as lost.",
    )


class RunConfig(Model):
    """Everything a run may be told by `--config`."""

    ingest: IngestConfig = Field(default=IngestConfig(), description="Sources and partitions.")
    preprocess: PreprocessConfig = Field(default=PreprocessConfig(), description="Decoding and cleaning.")
    score: ScoreConfig = Field(default=ScoreConfig(), description="Models and devices.")
    policy: str = Field(
        default="default",
        description="Name of a shipped policy (default, baseline, cleanvision, clip-top-30, datacomp-basic, "
        "datacomp-basic-and-clip-top-30, laion-2b, laion-400m, negcliploss, negcliploss-and-normsim, sieve-like, "
        "t-mars), path of a policy file where the run itself is executed, or NAME@VERSION of the database.",
    )
    export: ExportConfig = Field(default=ExportConfig(), description="Files written.")
    chunk_pairs: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="Pairs that one task run holds in memory; auto takes 512 or fewer on a CPU, so that cores share a "
        "partition evenly, and 2,048 on CUDA.",
    )
    decoders: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        default="auto",
        description="Processes that read and decode pictures beside the run's own; auto takes one a core on CUDA, "
        "which one process's threads cannot feed, and where decoding is isolated; else none on a CPU, whose cores have "
        "the model to run.",
    )
    dispatch: DispatchConfig = Field(default=DispatchConfig(), description="Who works on the partitions.")
    report: bool = Field(default=True, description="Draw a page of what the run committed, with small pictures.")

    @model_validator(mode="after")
    def _isolated_decoding_needs_processes(self) -> Self:
        if self.preprocess.isolate_decoding and self.decoders == 0:
            raise PydanticCustomError(
                "no_decoders", "isolate_decoding needs processes to decode in: leave decoders at auto, or give some"
            )
        return self


def load_config(path: Path) -> RunConfig:
    """Read a YAML config; ConfigError names the key that is wrong and what was expected."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read config {path}: {error}") from error
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(explain_validation(f"config {path}", error)) from error


def config_for(encoder: str | None, path: Path | None) -> RunConfig:
    """Read a config, or take the defaults, and put the encoder that was named in it; errors as of `load_config`."""
    config = RunConfig() if path is None else load_config(path)
    score = config.score.model_copy(update={"encoder": encoder or config.score.encoder})
    return config.model_copy(update={"score": score})
