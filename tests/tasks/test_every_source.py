"""The same pairs in every format: the same rows, decided alike, with the same images in the export."""

import csv
import gzip
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pairsift.adapters.store.queries import status
from pairsift.adapters.stories import tell
from tasks import workplace
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, Members, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, planned

PAIRS = pairs_of((*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))
KEYS = list(PAIRS)
CAPTIONS = [members["txt"].decode() for members in PAIRS.values()]


def image_of(members: Members) -> tuple[str, bytes]:
    return next((suffix, data) for suffix, data in members.items() if suffix not in ("txt", "json"))


IMAGES = [image_of(members) for members in PAIRS.values()]
NAMES = [f"{key}.{suffix}" for key, (suffix, _) in zip(KEYS, IMAGES, strict=True)]


def put_images(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, data) in zip(NAMES, IMAGES, strict=True):
        (folder / name).write_bytes(data)


def compressed(folder: Path) -> Path:
    write_shard(folder / "a.tar", PAIRS)
    (folder / "packed").mkdir()
    (folder / "packed/a.tar.gz").write_bytes(gzip.compress((folder / "a.tar").read_bytes()))
    return folder / "packed"


def parquet(folder: Path) -> Path:
    columns = {"jpg": [data for _, data in IMAGES], "caption": CAPTIONS, "key": KEYS}
    pq.write_table(pa.table(columns), folder / "rows.parquet", row_group_size=4, write_page_checksum=True)
    return folder / "rows.parquet"


def manifest(folder: Path) -> Path:
    put_images(folder)
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(zip(("filepath", *NAMES), ("title", *CAPTIONS), ("key", *KEYS), strict=True))
    return folder / "pairs.csv"


def imagefolder(folder: Path) -> Path:
    put_images(folder)
    rows = [
        dict(zip(("file_name", "text", "key"), row, strict=True)) for row in zip(NAMES, CAPTIONS, KEYS, strict=True)
    ]
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def coco(folder: Path) -> Path:
    put_images(folder)
    images = [{"id": n, "file_name": name} for n, name in enumerate(NAMES)]
    captions = [{"id": KEYS[n], "image_id": n, "caption": caption} for n, caption in enumerate(CAPTIONS)]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    return folder / "captions.json"


def kohya(folder: Path) -> Path:
    put_images(folder)
    for key, caption in zip(KEYS, CAPTIONS, strict=True):
        (folder / f"{key}.caption").write_text(caption, encoding="utf-8")
    return folder


def img2dataset_files(folder: Path) -> Path:
    put_images(folder)
    for key, caption in zip(KEYS, CAPTIONS, strict=True):
        (folder / f"{key}.json").write_text(json.dumps({"caption": caption}))
    return folder


FORMATS = (compressed, parquet, manifest, imagefolder, coco, kohya, img2dataset_files)


def folder_for(tmp_path: Path, write: Callable[[Path], Path]) -> Path:
    folder = tmp_path / write.__name__ / write.__name__  # the data set's name, for a folder
    folder.mkdir(parents=True)
    return folder


def outcome(source: Path, tmp_path: Path) -> Mapping[str, object]:
    """Curate a source of one partition; tell what became of every pair, and what its exported shard holds."""
    job = planned(source, policy=str(fixed_cut(tmp_path)), export={"shard": True})
    committed(job, claimed(job))
    stories = [
        story for key in KEYS for story in tell(workplace.store(), key) if story["origin"]["dataset"] == job.dataset
    ]
    told = [(story["origin"]["uid"], story["decision"]["verdict"], story["decision"]["reason"]) for story in stories]
    [shard] = Path(job.out, job.dataset).rglob("shard.tar")
    with tarfile.open(shard) as tar:
        images = [tar.extractfile(member).read() for member in tar if member.name.endswith(("jpg", "png"))]  # type: ignore[union-attr]  # all are files
    [row] = status(workplace.store(), job.dataset)
    return {"pairs": told, "images": images, "read": row["pairs_read"], "damage": row["damage"]}


def test_the_same_pairs_in_every_format_come_to_the_same(tmp_path: Path):
    as_shard = outcome(write_shard(tmp_path / "shards" / "a.tar", PAIRS).parent, tmp_path)

    as_others = {write.__name__: outcome(write(folder_for(tmp_path, write)), tmp_path) for write in FORMATS}

    assert as_others == {write.__name__: as_shard for write in FORMATS}
    assert as_shard["read"] == len(KEYS)
