"""How a source is read, its pairs prepared, and what measures them."""

from typing import Annotated, Literal

from pydantic import Field

from pairsift.config.choices import COLUMN_NAME, MOST_IMAGE_BYTES
from pairsift.config.model import Model

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
