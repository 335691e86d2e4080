"""What is exported for a trainer is read back by the tool that it is for: hostile keys and captions come through."""

import gc
import io
import json
import re
import subprocess
import tarfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import datasets
import numpy as np
import open_clip
import open_clip_train.data as trainer
import pyarrow.parquet as pq
import pytest
import webdataset
from pandas._libs.parsers import STR_NA_VALUES  # type: ignore[import-not-found]  # compiled, and in no stub
from PIL import Image

from pairsift.adapters.chunks import ChunkData
from pairsift.adapters.exports import (
    FORMATS,
    INDEX,
    ExportBatch,
    ExportedFile,
    ExportRequest,
    damaged_files,
    write_export,
    write_manifest,
)
from pairsift.adapters.exports import images as image_table
from pairsift.adapters.exports.folders import TAKEN_FOR_MISSING, as_title
from pairsift.adapters.sources import open_source, read_partition
from pairsift.adapters.store.queries import ActiveExport
from pairsift.config import ExportFormat, IngestConfig
from pairsift.core.deciding import Decision
from pairsift.core.records import IngestedPair, Location, ReadPair, Reason, SignalValue, Verdict
from pairsift.core.signals import SIGNALS
from pairsift.errors import ConfigError, SourceChangedError

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the trainers' readers leave their files to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SIZE = 8
FOR_TRAINERS = get_args(ExportFormat)
ORIGINS = {
    "plain": "a red bicycle",
    "a/b": "with\ttab",
    "../../up": "two\nlines\r\nand three",
    "=cmd|' /C calc'!A0": "=cmd|' /C calc'!A0 \"quoted",
    "nul\0": "NA",
    "dotted.key": "null",
    "ü": "007",
    "Plain": "ünï 🚲 <|endoftext|>",
    "tab\t": "{a|b}, c",
    "dropped": "not kept",
    "k" * 300: "'+1",
    "-rf": "",
}
"""Captions by key. Cleaning leaves no tab or line break in a caption, but another cleaner may."""

KEPT = [key for key in ORIGINS if key != "dropped"]
CAPTIONS = [ORIGINS[key] for key in KEPT]
TWICE = KEPT.index("a/b")


def picture(n: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), (20 * n, 255 - 20 * n, 7 * n)).save(data, "PNG" if n % 2 else "JPEG")
    return data.getvalue()


PICTURES = [picture(n) for n in range(len(ORIGINS))]
KEPT_PICTURES = [PICTURES[list(ORIGINS).index(key)] for key in KEPT]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect here what would else be told of another test."""
    yield
    gc.collect()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    path = tmp_path / "pictures.bin"
    path.write_bytes(b"".join(PICTURES))
    return path


def pair(n: int, key: str, pictures: Path) -> IngestedPair:
    uid = sha256(key.encode()).hexdigest()[:32]
    where = Location(str(pictures), sum(map(len, PICTURES[:n])), len(PICTURES[n]))
    return IngestedPair(n, uid, key, where, sha256(PICTURES[n]).hexdigest(), b"raw", None)


def value(n: int, kind: str) -> SignalValue:
    values: dict[str, SignalValue] = {"float": n / 7, "int": n, "str": "en"}
    return values[kind]


def decision(key: str) -> Decision:
    if key == "dropped":
        return Decision(Verdict.DROP, Reason.BLURRY)
    return Decision(Verdict.KEEP, None, 1.5, 0.01, 0.02, multiplicity=2 if key == "a/b" else 1)


def batch(numbers: Sequence[int], pictures: Path) -> ExportBatch:
    keys = [list(ORIGINS)[n] for n in numbers]
    pairs = [pair(n, key, pictures) for n, key in zip(numbers, keys, strict=True)]
    vectors = np.arange(len(ORIGINS) * SIZE, dtype=np.float16).reshape(-1, SIZE)[numbers]
    chunk = ChunkData(
        uids=[each.uid for each in pairs],
        captions=[ORIGINS[key] for key in keys],
        signals={signal.name: [value(n, signal.type) for n in numbers] for signal in SIGNALS},
        unmeasurable=[{} for _ in numbers],
        image_embedding=vectors,
        text_embedding=-vectors,
        fused_embedding=vectors,
    )
    return ExportBatch(pairs, chunk, [decision(key) for key in keys])


def request(pictures: Path, out: Path, *formats: str, chunk: int = 5) -> ExportRequest:
    def batches() -> Iterator[ExportBatch]:
        for start in range(0, len(ORIGINS), chunk):
            yield batch(range(len(ORIGINS))[start : start + chunk], pictures)

    return ExportRequest(str(out), "cats", "0%2F1", "0123456789abcdef", formats, batches, out / "scratch")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def active(files: Sequence[ExportedFile]) -> list[ActiveExport]:
    return [ActiveExport("0%2F1", f.name, f.uri, f.rows, f.sha256, f.size) for f in files]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_format_that_a_run_may_be_told_has_its_writers():
    assert set(FOR_TRAINERS) == set(FORMATS) - {"pairs", "embeddings", "uids"}


@pytest.mark.parametrize("name", FOR_TRAINERS)
def test_the_bytes_are_the_same_again_anywhere_in_any_chunks(tmp_path: Path, pictures: Path, name: str):
    for folder, chunk in (("once", 12), ("again", 1), ("again", 5)):
        write_export(request(pictures, tmp_path / folder, name, chunk=chunk))

    assert files_of(tmp_path / "once") == files_of(tmp_path / "again") != {}


@pytest.mark.parametrize("name", sorted(set(FOR_TRAINERS) - {"clip-retrieval"}))
def test_a_changed_picture_is_in_no_export(pictures: Path, out: Path, name: str):
    pictures.write_bytes(b"x" * pictures.stat().st_size)

    with pytest.raises(SourceChangedError, match="run again"):
        write_export(request(pictures, out, name))

    assert files_of(out) == {}


@pytest.mark.parametrize("name", FOR_TRAINERS)
def test_nothing_kept_is_an_empty_export(pictures: Path, out: Path, name: str):
    dropped = list(ORIGINS).index("dropped")

    none = write_export(replace(request(pictures, out, name), batches=list))
    all_dropped = write_export(replace(request(pictures, out, name), batches=lambda: [batch([dropped], pictures)]))

    assert {file.rows for file in (*none, *all_dropped)} == {0}


@pytest.mark.parametrize("name", ["open-clip-csv", "kohya"])
def test_a_folder_of_pictures_is_refused_by_a_store(pictures: Path, out: Path, name: str):
    with pytest.raises(ConfigError, match=f"cannot write {name} to s3://bucket/out: it is a folder of pictures"):
        write_export(replace(request(pictures, out, "pairs", name), out="s3://bucket/out"))


def training(**values: object) -> Namespace:
    common = {"train_num_samples": None, "train_data_upsampling_factors": None, "dataset_resampled": False}
    return Namespace(**common, seed=0, workers=1, world_size=1, batch_size=4, distributed=False, **values)


def tensors(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("RGB")).transpose(2, 0, 1).copy()


def test_open_clip_trains_on_the_shards_and_knows_how_many_samples_they_have(pictures: Path, out: Path):
    files = write_export(request(pictures, out, "shard"))
    other = write_export(
        replace(request(pictures, out, "shard"), partition="2", batches=lambda: [batch([0], pictures)])
    )
    write_manifest(str(out), "cats", lambda: active([*files, *other]))
    shards = "::".join(file.uri for file in (*files, *other) if file.name == "shard")

    assert trainer.get_dataset_size(shards) == (len(KEPT) + 1 + 1, 2)
    data = trainer.get_wds_dataset(
        training(train_data=shards), tensors, is_train=True, tokenizer=open_clip.get_tokenizer("ViT-B-32")
    )
    assert data.dataloader.num_samples == 4 * 4  # 13 in batches of 4, the last filled up
    data.dataloader.num_workers, data.dataloader.persistent_workers = 0, False
    images, texts = next(iter(data.dataloader.pipeline[0].dataset))
    assert (images.shape, texts.shape) == ((4, 3, 16, 16), (4, 77))


def test_webdataset_reads_every_sample_with_its_caption_and_original_bytes(pictures: Path, out: Path):
    shard, _ = write_export(request(pictures, out, "shard"))

    read = list(webdataset.WebDataset(shard.uri, shardshuffle=False))

    twice = [*range(TWICE + 1), *range(TWICE, len(KEPT))]
    assert [json.loads(sample["json"])["key"] for sample in read] == [KEPT[n] for n in twice]
    assert [sample["txt"].decode() for sample in read] == [CAPTIONS[n] for n in twice]
    assert [sample.get("jpg") or sample.get("png") for sample in read] == [KEPT_PICTURES[n] for n in twice]
    assert len({sample["__key__"] for sample in read}) == shard.rows == len(read)


def test_a_shard_is_a_source_that_misses_nothing_by_what_lies_beside_it(pictures: Path, out: Path):
    files = write_export(request(pictures, out, "shard"))
    write_manifest(str(out), "cats", lambda: active(files))

    [spec] = open_source(str(out / "cats/shards/*.tar")).partitions({}, IngestConfig())
    read = list(read_partition(spec))
    stats = Path(files[1].uri)
    stats.write_text(stats.read_text().replace("12", "13"))

    assert [type(each) for each in read] == [ReadPair] * 12
    assert [type(each) for each in read_partition(spec)] != [ReadPair] * 12, "what lies beside it is not looked at"


def test_datasets_shows_the_pictures_and_scores(pictures: Path, out: Path, tmp_path: Path):
    [file] = write_export(request(pictures, out, "images"))

    read = datasets.load_dataset("parquet", data_files=file.uri, split="train", cache_dir=str(tmp_path / "cache"))

    assert read.features["image"] == datasets.Image()
    assert read.features["pair_alignment"] == datasets.Value("float64")
    assert read["text"][:] == CAPTIONS
    assert read["key"][:] == KEPT
    assert read["multiplicity"][:] == [2 if key == "a/b" else 1 for key in KEPT]
    assert [picture.convert("RGB").size for picture in read["image"]] == [(16, 16)] * len(KEPT)
    as_stored = read.cast_column("image", datasets.Image(decode=False))["image"]
    assert [each["bytes"] for each in as_stored] == KEPT_PICTURES
    assert all(Path(each["path"]).name == each["path"] for each in as_stored)


def vectors_of(keys: Sequence[str]) -> np.ndarray:
    """The image embeddings that `batch` gives pairs."""
    whole = np.arange(len(ORIGINS) * SIZE, dtype=np.float16).reshape(-1, SIZE)
    return whole[[list(ORIGINS).index(key) for key in keys]]


def test_datasets_reads_the_embeddings_as_lists_of_their_length(pictures: Path, out: Path, tmp_path: Path):
    [file] = write_export(request(pictures, out, "embeddings"))

    read = datasets.load_dataset("parquet", data_files=file.uri, split="train", cache_dir=str(tmp_path / "cache"))

    assert read.column_names == ["uid", "key", "image_embedding", "text_embedding", "fused_embedding"]
    assert read.features["image_embedding"] == datasets.List(datasets.Value("float16"), length=SIZE)
    assert read["key"][:] == KEPT
    given = read.with_format("numpy")
    np.testing.assert_array_equal(given["image_embedding"][:], vectors_of(KEPT))
    np.testing.assert_array_equal(given["text_embedding"][:], -vectors_of(KEPT))


def test_embedding_reader_finds_the_embeddings_of_a_folder_of_such_files(pictures: Path, out: Path):
    """As its `ParquetReader` (1.8.1) reads a column: the first row tells the size, rows are stacked into float32.

    It does not install beside pandas 3; put beside it by hand it reads a file of this kind, row for row.
    """
    [file] = write_export(request(pictures, out, "embeddings"))

    found = pq.ParquetFile(file.uri, memory_map=True)
    first = (
        next(found.iter_batches(batch_size=1, columns=["fused_embedding"])).to_pandas()["fused_embedding"].to_numpy()
    )
    table = pq.read_table(file.uri, use_threads=False).slice(1, 4)

    assert first[0].shape == (SIZE,)
    rows = np.empty((4, SIZE), np.float32)
    rows[:] = np.stack(table["fused_embedding"].to_numpy())
    np.testing.assert_array_equal(rows, vectors_of(KEPT[1:5]))
    assert table.select(["uid", "key"]).to_pandas()["key"].tolist() == KEPT[1:5]


def test_images_are_cut_into_row_groups_by_bytes_with_checksums(
    pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
):
    limit = len(KEPT_PICTURES[0]) + len(KEPT_PICTURES[1])
    monkeypatch.setattr(image_table, "ROW_GROUP_BYTES", limit)

    [file] = write_export(request(pictures, out, "images"))

    found = pq.ParquetFile(file.uri, page_checksum_verification=True)
    groups = [found.read_row_group(n)["image"].to_pylist() for n in range(found.num_row_groups)]
    assert [each["bytes"] for group in groups for each in group] == KEPT_PICTURES
    assert len(groups[0]) == 2
    assert all(len(group) == 1 or sum(len(each["bytes"]) for each in group) <= limit for group in groups)
    stored = found.metadata.row_group(0).column(0)
    damaged = bytearray(Path(file.uri).read_bytes())
    damaged[stored.data_page_offset + stored.total_compressed_size - 5] ^= 1
    with pytest.raises(OSError, match="CRC checksum"):
        pq.ParquetFile(io.BytesIO(damaged), page_checksum_verification=True).read()


def test_clip_retrieval_and_autofaiss_find_their_own_layout(pictures: Path, out: Path):
    """As clip-retrieval's `NumpyWriter` writes one part, and its back end and embedding-reader read it.

    embedding-reader itself does not install beside pandas 3 (1.8.1), or does not run with this fsspec (1.1.7).
    """
    files = write_export(request(pictures, out, "clip-retrieval"))
    folder = Path(files[0].uri).parents[1]
    expected = np.arange(len(ORIGINS) * SIZE, dtype=np.float32).reshape(-1, SIZE)
    expected = np.delete(expected, list(ORIGINS).index("dropped"), axis=0)

    assert sorted(files_of(folder)) == [
        "img_emb/img_emb_0.npy",
        "metadata/metadata_0.parquet",
        "text_emb/text_emb_0.npy",
    ]
    for name, sign in (("img_emb", 1), ("text_emb", -1)):
        first_line = (folder / name / f"{name}_0.npy").read_bytes().split(b"\n")[0]
        assert re.search(rf"'descr': '<f2'.*'shape': \({len(KEPT)}, {SIZE}\)", str(first_line)), "as they look for it"
        np.testing.assert_array_equal(np.load(folder / name / f"{name}_0.npy", mmap_mode="r"), sign * expected)
    metadata = pq.read_table(folder / "metadata")
    assert metadata["caption"].to_pylist() == CAPTIONS
    assert metadata["key"].to_pylist() == KEPT
    assert metadata["multiplicity"].to_pylist()[TWICE] == 2


def test_an_index_of_neighbours_gets_no_pair_without_an_embedding(pictures: Path, out: Path):
    whole = batch([0, 1, 2], pictures)
    whole.chunk.image_embedding[0] = np.nan
    whole.chunk.text_embedding[2] = np.nan

    files = write_export(replace(request(pictures, out, "clip-retrieval"), batches=lambda: [whole]))

    assert [file.rows for file in files] == [1, 1, 1]
    assert np.load(files[0].uri).tolist() == [whole.chunk.image_embedding[1].tolist()]
    assert pq.read_table(files[2].uri)["key"].to_pylist() == [whole.pairs[1].key]


def test_open_clip_reads_its_csv_from_the_folder_of_the_manifest(
    pictures: Path, out: Path, monkeypatch: pytest.MonkeyPatch
):
    [index] = write_export(request(pictures, out, "open-clip-csv"))
    table = str(Path(index.uri).with_name("pairs.csv"))
    arguments = training(train_data=table, csv_img_key="filepath", csv_caption_key="title", csv_separator="\t")
    monkeypatch.chdir(out / "cats")
    said: list[str] = []

    def noted(texts: list[str]) -> list[str]:
        said.extend(texts)
        return texts

    data = trainer.get_csv_dataset(arguments, lambda image: image.size, is_train=True, tokenizer=noted)
    read = [data.dataloader.dataset[n] for n in range(len(data.dataloader.dataset))]

    twice = [*range(TWICE + 1), *range(TWICE, len(KEPT))]
    assert index.rows == len(read) == len(twice)
    assert {size for size, _ in read} == {(16, 16)}
    assert said == [as_title(CAPTIONS[n]) for n in twice]
    assert [text.strip() for text in said] == [CAPTIONS[n].strip() for n in twice]
    assert [Path(name).read_bytes() for name in data.dataloader.dataset.images] == [KEPT_PICTURES[n] for n in twice]


def test_what_pandas_takes_for_missing_is_known():
    assert set(STR_NA_VALUES) == TAKEN_FOR_MISSING


def test_kohya_finds_a_picture_and_one_line_of_caption_each_by_repeats(pictures: Path, out: Path):
    """Kohya's scripts are on no package index: this is how their `DreamBoothDataset` reads a folder."""
    [index] = write_export(request(pictures, out, "kohya"))

    read = {}
    for folder in sorted(path for path in Path(index.uri).parent.iterdir() if path.is_dir()):
        repeats = int(folder.name.split("_")[0])
        for path in (each for each in folder.iterdir() if each.suffix in {".png", ".jpg", ".jpeg", ".webp", ".bmp"}):
            [*lines] = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
            read[path.read_bytes()] = (repeats, lines[0].strip() if lines else "")

    captions = [" ".join(caption.split()) for caption in CAPTIONS]
    often = [2 if key == "a/b" else 1 for key in KEPT]
    assert read == dict(zip(KEPT_PICTURES, zip(often, captions, strict=True), strict=True))
    assert index.rows == len(KEPT)


@pytest.mark.parametrize("name", ["open-clip-csv", "kohya"])
def test_a_folder_is_listed_as_sha256sum_checks_it(pictures: Path, out: Path, name: str):
    [file] = write_export(request(pictures, out, name))
    folder = Path(file.uri).parent

    listed = subprocess.run(["sha256sum", "--check", INDEX], cwd=folder, capture_output=True, text=True, check=True)

    assert len(listed.stdout.splitlines()) == len(files_of(folder)) - 1
    assert list(damaged_files(Path(file.uri))) == []
    gone, changed = sorted(folder.rglob("*.png"))[:2]
    gone.unlink()
    changed.write_bytes(b"half")
    assert sorted(damaged_files(Path(file.uri))) == [gone, changed]


def test_a_folder_written_again_takes_the_place_of_a_damaged_one(pictures: Path, out: Path):
    [first] = write_export(request(pictures, out, "kohya"))
    whole = files_of(out)
    next(Path(first.uri).parent.rglob("*.png")).unlink()
    Path(first.uri).with_name("more").write_bytes(b"")

    [again] = write_export(request(pictures, out, "kohya"))

    assert again == first
    assert files_of(out) == whole


def test_names_in_a_tar_and_in_folders_lead_nowhere_else(pictures: Path, out: Path):
    shard, _, index = write_export(request(pictures, out, "shard", "kohya"))

    with tarfile.open(shard.uri) as tar:
        names = tar.getnames()
    assert all(name.replace("-", "").replace(".", "").isalnum() for name in names)
    assert all(path.is_relative_to(out / "cats") for path in Path(index.uri).parent.rglob("*"))
