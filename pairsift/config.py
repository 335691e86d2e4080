"""WHAT to do: frozen models, validated at the edge, hashed where they change a result."""

import difflib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import ComputedFieldInfo, FieldInfo
from pydantic_core import PydanticCustomError

from pairsift.addresses import Address, masked
from pairsift.errors import ConfigError

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


def _label(name: str, _: FieldInfo | ComputedFieldInfo) -> str:
    """Label a field in the Prefect UI's form; a group without a label would be called by its class."""
    return name.replace("_", " ").capitalize()


class Model(BaseModel):
    """A frozen config model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", field_title_generator=_label)


ColumnName = Annotated[str, Field(min_length=1, max_length=200)] | None


class ColumnsConfig(Model):
    """Which columns of a table make up a pair, where their names do not tell; found by name if not given."""

    image: ColumnName = Field(default=None, description="Column of the image: its bytes, or its path.")
    caption: ColumnName = Field(default=None, description="Column of the caption.")
    uid: ColumnName = Field(default=None, title="UID", description="Column of the source's own uid.")
    key: ColumnName = Field(default=None, description="Column of the source's own name of a pair.")


class IngestConfig(Model):
    """How a source becomes partitions."""

    partition_pairs: int = Field(
        default=10_000,
        ge=1,
        description="Most pairs of a partition of a folder or a table of paths; a shard or a Parquet file with images "
        "is always one partition.",
    )
    columns: ColumnsConfig = Field(default=ColumnsConfig(), description="Columns of tables.")
    image_root: str | None = Field(
        default=None,
        description="Folder below which the images of a table lie, and no other file is read; by default the table's "
        "own.",
    )
    lost_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="A partition fails when damage costs more than this share of its pairs, and more than lost_pairs.",
    )
    lost_pairs: int = Field(
        default=20,
        ge=0,
        description="A partition fails when damage costs more pairs than this, and more than lost_share of them.",
    )
    source_columns: tuple[Annotated[str, Field(pattern=COLUMN_NAME)], ...] = Field(
        default=(),
        description="Columns of the source kept with its pairs, besides those that the policy names.",
    )


class EnhanceConfig(Model):
    """Switches that change the picture before it is scored; all off by default."""

    clahe: bool = Field(
        default=False, title="CLAHE", description="Contrast-limited adaptive histogram equalisation of lightness."
    )
    denoise: bool = Field(default=False, description="Non-local means denoising.")
    unsharp: bool = Field(default=False, description="Unsharp masking.")


_DECODE_LIMITS = ("decode_timeout_s", "decode_memory_bytes")


class PreprocessConfig(Model):
    """How bytes become pixels and captions."""

    max_image_bytes: int = Field(
        default=50_000_000, ge=1, le=MOST_IMAGE_BYTES, description="Larger image files are not opened."
    )
    max_image_pixels: int = Field(default=50_000_000, ge=1, description="Larger pictures are not decoded.")
    max_caption_bytes: int = Field(default=100_000, ge=1, description="Longer captions are not read.")
    isolate_decoding: bool = Field(
        default=False,
        description="Decode in processes of their own, within the two limits below: a picture that takes too much, or "
        "that ends its process, is quarantined, and the run goes on. For pictures from strangers.",
    )
    decode_timeout_s: int = Field(
        default=10,
        ge=1,
        title="Decode timeout (seconds)",
        description="CPU seconds that one picture may take where decoding is isolated, and six times as many by the "
        "clock.",
    )
    decode_memory_bytes: int = Field(
        default=4_000_000_000,
        ge=100_000_000,
        description="Memory that a decoding process may take above what it started with.",
    )
    enhance: EnhanceConfig = Field(default=EnhanceConfig(), description="Image enhancement.")

    @property
    def identity(self) -> dict[str, object]:
        """What of it changes a result: where decoding takes place does not, and its limits do where they are moved."""
        usual = {name for name in _DECODE_LIMITS if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump(mode="json", exclude={"isolate_decoding", *usual})


class ScoreConfig(Model):
    """Which models measure, and on what."""

    encoder: str = Field(
        default="conse",
        description="Encoder that makes images and captions comparable: conse, or any model of open_clip as "
        "open_clip:MODEL:TAG, open_clip:MODEL:PATH of a checkpoint, open_clip:FOLDER or "
        "open_clip:hf-hub:ORGANISATION/NAME, such as open_clip:ViT-B-32:laion2b_s34b_b79k.",
    )
    classifier: str = Field(
        default="efficientnet_lite0",
        description="Image classifier of conse and of the baseline signals: efficientnet_lite0, or "
        "torchvision:resnet50[:PATH of its weights].",
    )
    sentence_encoder: str = Field(
        default="all-MiniLM-L6-v2",
        description="Sentence encoder of conse: all-MiniLM-L6-v2, or the folder of a BERT-like SentenceTransformer.",
    )
    adapter: str | None = Field(
        default=None,
        description="Adapter of conse to one's own domain, by the name that `pairsift adapt` gave it; null for none.",
    )
    fusion: str | None = Field(
        default=None,
        description="Fusion head that pair.fusion_match and the fused embeddings come from, by the name that `pairsift "
        "train-fusion` gave it, or best: the one with the highest held-out AUC of those for the encoder. null: the "
        "fusion without trained weights, and no such signal.",
    )
    device: str = Field(
        default="auto",
        description="auto, cpu, cuda or cuda:N; auto takes CUDA if there is one where the run itself is executed. "
        "Name it where the workers have other hardware.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        default="auto",
        description="auto takes bfloat16 where the processor is faster in it, else float32; float16 is for CUDA "
        "devices without bfloat16; int8 is for an open_clip model on a CPU, once `pairsift quantise` has made it of "
        "your own pairs and measured how far its scores shift.",
    )
    compile: bool = Field(
        default=False,
        description="Compile the towers of an open_clip model by torch.compile: a minute or more at the start of every "
        "process, faster passes after it; a different rounding, so that pairs are scored anew.",
    )
    mask_text: bool = Field(
        default=False,
        description="Also score every picture in which text is found with that text masked, as T-MARS does: "
        "pair.alignment_masked. Needs the extra tmars; pairs are scored anew.",
    )
    baseline: Literal["auto", "on"] = Field(
        default="auto",
        description="When the baseline.* signals are measured: auto does with conse, whose own classifier they come "
        "from, and not with an open_clip model, where they cost one more network.",
    )
    baseline_input: Literal["shared", "published"] = Field(
        default="shared",
        description="Pixels of baseline.image_quality: those of the encoder's own pass, or, as published, scaled to "
        "0–1 in a second pass of the classifier (half as fast).",
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="Images per forward pass; on a CPU auto takes 4 (float32) or 8 (bfloat16) with conse and 16 with "
        "an open_clip model; on CUDA 256 with conse, and with an open_clip model as many as pay and fit the device's "
        "memory, halved when they no longer do.",
    )


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
        default="auto", description="Pairs that one task run holds in memory; auto takes 512 on a CPU, 2,048 on CUDA."
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


def _known_time_zone(name: str) -> str:
    known = available_timezones()
    if name not in known:
        names = {zone.lower(): zone for zone in sorted(known)}
        close = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {names[close[0]]!r}?" if close else "give one such as 'Europe/Berlin'"
        raise PydanticCustomError("unknown_time_zone", "there is no time zone of that name; {hint}", {"hint": hint})
    return name


class RunRequest(Model):
    """What one run is asked to do; the form of the Prefect UI."""

    source: Address = Field(
        description="Where the pairs come from, as the workers see it: path, glob, brace range or fsspec URL, such as "
        "/data/shop/*.tar, or @ and a text file that lists some. In it {date}, or a format such as {date:%Y/%m/%d}, "
        "stands for the run's day."
    )
    dataset: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        title="Data set",
        description="Name of the data set: letters, digits, dots, hyphens and underscores, no spaces. By default the "
        "last part of the source's path.",
    )
    format: SourceFormat = Field(default="auto", description="Source format; auto finds it by looking.")
    day: date | None = Field(
        default=None,
        ge=date(1970, 1, 1),
        description="The day that {date} in the source stands for; by default the one that the run is scheduled on, "
        "less the days back. Only for a source with a date.",
    )
    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = Field(
        default="UTC",
        description="Time zone of the day that the run is scheduled on, such as Europe/Berlin. Unused for a source "
        "without a date.",
    )
    days_back: int = Field(
        default=0,
        ge=0,
        le=366,
        description="Days between the run's day and the one that it is scheduled on: 1 for a run after midnight about "
        "the day that has just ended. Unused when the day is given.",
    )
    catch_up_days: int = Field(
        default=0,
        ge=0,
        le=366,
        description="How many days before the run's day are looked at, too; what is committed of them is skipped. "
        "Unused for a source without a date.",
    )
    out: Address | None = Field(
        default=None,
        description="Where exports go: a folder, or an object store such as s3://bucket/folder; by default exports/ in "
        "the storage folder.",
    )
    partitions: tuple[str, ...] = Field(
        default=(), description="Only these partitions, by their keys, such as 00001 for 00001.tar; by default all."
    )
    rerun_failed: bool = Field(default=False, description="Only partitions that failed, were lost or interrupted.")
    config: RunConfig = Field(default=RunConfig(), description="How to measure, decide and export.")


class PartitionJob(Model):
    """What the partition flow is told: ids, resolved config and fingerprints; never rows."""

    partition_id: int
    key: str
    dataset: str
    out: str
    config: RunConfig
    policy: str = Field(description="The policy's canonical text as registered, so that a worker needs no file.")
    dataset_id: int
    decision_set_id: int
    score_fingerprint: str
    decision_fingerprint: str
    calibration: str | None = Field(description="Fingerprint of the data set's calibration; None without one.")
    target: str | None = Field(default=None, description="Fingerprint of the policy's target set; None without one.")
    evaluation_sets: tuple[tuple[str, str], ...] = Field(
        default=(), description="Names and fingerprints of the evaluation sets that the policy names, in its order."
    )
    pilot: bool = Field(default=False, description="Only measure, for a calibration that is to be made.")
    models: dict[str, str] = Field(description="Fingerprints of the models that measure, by name.")
    model_facts: dict[str, dict[str, int | float | str]] = Field(
        default={}, description="What was measured of a model before it was used, by the model's name."
    )
    run_id: str


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


def explain_validation(what: str, error: ValidationError) -> str:
    """Say in one line a fault what was wrong, the value and what was expected."""
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'top level'}: {fault['msg']} (got {fault['input']!r:.80})"
        for fault in error.errors()
    ]
    return f"{what} is not usable: " + masked("; ".join(faults))
