"""Plant the bad pairs of the sample data set and pack it as WebDataset shards.

The pictures kept in ``folder/`` and the table ``captions.csv`` (hand-written captions) are the
source.  From these this script writes, next to itself:

* the planted bad pairs in ``folder/`` (damaged, blurred and tiny pictures, copies) and the ``.txt``
  caption of every pair,
* ``truth.csv``, one row per pair: which are good, which are bad, and why,
* ``shards/00000.tar`` and so on: the same pairs as WebDataset shards.

Run it with ``python examples/sample/build.py``; it needs Pillow and numpy and nothing else, and
writes the same bytes each time.  Encoding is the one step that may differ between versions of
Pillow, so a planted picture that is already in ``folder/`` is kept; ``--remake`` makes all of them
anew.

The column ``role`` of ``captions.csv`` says what a picture is for: ``good`` pairs keep their
caption; a ``swapped`` picture gets the caption of the row named in ``caption_from``; a
``filename`` picture gets a file name for a caption.  Pictures that are damaged, blurred or shrunk
come from ``swapped`` rows, so that the only doubles of good pairs are the planted copies.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

HERE = Path(__file__).resolve().parent
SEED = 20240607
SHARDS = 3
KEY_DIGITS = 9
BLUR_RADIUS = 12.0
TINY_SIDE = 48
PLANTED = {
    "truncated_image": 5,
    "html_as_jpeg": 4,
    "blurred": 6,
    "tiny": 5,
    "exact_copy": 6,
    "near_copy": 6,
}
FILE_NAMES = (
    "IMG_20190304_113245.jpg",
    "DSC_0042.JPG",
    "untitled-3.png",
    "P1010023.JPG",
    "image (7).jpeg",
    "scan0005.png",
    "Screenshot_2021-05-17.png",
)
HTML_PAGES = (
    "404 Not Found",
    "403 Forbidden",
    "502 Bad Gateway",
    "410 Gone",
)


@dataclass(frozen=True)
class Row:
    """One picture of ``captions.csv``, with its file's bytes."""

    key: str
    kind: str
    role: str
    caption: str
    caption_from: str
    suffix: str
    image: bytes


@dataclass(frozen=True)
class Pair:
    """One image-text pair of the finished set."""

    key: str
    kind: str
    suffix: str
    image: bytes
    size: tuple[int, int]
    caption: str
    defect: str = ""
    original_key: str = ""

    @property
    def label(self) -> str:
        """Whether a careful person would keep the pair."""
        return "bad" if self.defect else "good"


def find_image(key: str) -> Path:
    """The picture file of a key in ``folder/``."""
    for suffix in ("jpg", "png"):
        path = HERE / "folder" / f"{key}.{suffix}"
        if path.exists():
            return path
    raise FileNotFoundError(f"no picture for {key} in {HERE / 'folder'}")


def read_rows() -> list[Row]:
    """Read ``captions.csv`` and the pictures it names."""
    rows = []
    with (HERE / "captions.csv").open(newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            path = find_image(record["key"])
            rows.append(
                Row(
                    key=record["key"],
                    kind=record["kind"],
                    role=record["role"],
                    caption=record["caption"],
                    caption_from=record["caption_from"],
                    suffix=path.suffix[1:],
                    image=path.read_bytes(),
                )
            )
    return rows


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded picture."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def encode(image: Image.Image, suffix: str, quality: int = 85) -> bytes:
    """Encode a picture as JPEG or PNG."""
    buffer = io.BytesIO()
    if suffix == "jpg":
        image.convert("RGB" if image.mode != "L" else "L").save(buffer, "JPEG", quality=quality)
    else:
        image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def on_white(image: Image.Image) -> Image.Image:
    """A picture without transparency, laid on white."""
    if image.mode == "L":
        return image
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layer).convert("RGB")


def truncated(row: Row) -> bytes:
    """The first half of a JPEG file, without its end marker."""
    return row.image[: len(row.image) // 2]


def html_page(number: int) -> bytes:
    """A web server's error page."""
    title = HTML_PAGES[number % len(HTML_PAGES)]
    return (
        f"<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1>"
        "</center>\n<hr><center>nginx</center>\n</body>\n</html>\n"
    ).encode()


def blurred(row: Row) -> bytes:
    """The picture under a strong Gaussian blur."""
    with Image.open(io.BytesIO(row.image)) as image:
        return encode(on_white(image).filter(ImageFilter.GaussianBlur(BLUR_RADIUS)), row.suffix)


def tiny(row: Row) -> bytes:
    """The picture shrunk to a thumbnail."""
    with Image.open(io.BytesIO(row.image)) as image:
        small = on_white(image)
    small.thumbnail((TINY_SIDE, TINY_SIDE), Image.Resampling.LANCZOS)
    return encode(small, row.suffix)


def near_copy(row: Row, number: int) -> bytes:
    """The picture re-encoded, made smaller, or slightly cropped and made smaller, in turn."""
    with Image.open(io.BytesIO(row.image)) as image:
        copy = on_white(image)
    if number % 3 == 2:
        cut_x, cut_y = copy.width * 3 // 100, copy.height * 3 // 100
        copy = copy.crop((cut_x, cut_y, copy.width - cut_x, copy.height - cut_y))
    if number % 3 > 0:
        size = (copy.width * 4 // 5, copy.height * 4 // 5)
        copy = copy.resize(size, Image.Resampling.LANCZOS)
    return encode(copy, row.suffix, quality=60)


def similar_caption(caption: str, number: int) -> str:
    """The same caption, or every other time the same words written a little differently."""
    if number % 2 == 0:
        return caption
    plain = caption.rstrip(".")
    return plain[0].lower() + plain[1:]


def kept_pairs(rows: list[Row]) -> list[Pair]:
    """The pairs whose picture is used as it is: good, swapped caption and file name caption."""
    captions = {row.key: row.caption for row in rows}
    names = iter(FILE_NAMES)
    pairs = []
    for row in rows:
        caption, defect, original = row.caption, "", ""
        if row.role == "swapped":
            caption, defect, original = captions[row.caption_from], "swapped_caption", row.caption_from
        elif row.role == "filename":
            caption, defect = next(names), "filename_caption"
        size = image_size(row.image)
        pairs.append(Pair(row.key, row.kind, row.suffix, row.image, size, caption, defect, original))
    return pairs


def pick_originals(rows: list[Row], rng: np.random.Generator) -> dict[str, list[Row]]:
    """Choose, for every planted defect, the pictures it is made from; none is used twice."""
    good = [row for row in rows if row.role == "good"]
    reserved = [row for row in rows if row.role == "swapped"]
    good = [good[i] for i in rng.permutation(len(good))]
    reserved = [reserved[i] for i in rng.permutation(len(reserved))]
    chosen: dict[str, list[Row]] = {}
    for defect, count in PLANTED.items():
        pool = good if defect.endswith("_copy") else reserved
        fits = [row for row in pool if defect != "truncated_image" or row.suffix == "jpg"]
        chosen[defect] = fits[:count]
        for row in chosen[defect]:
            pool.remove(row)
    return chosen


def planted_image(defect: str, row: Row, number: int) -> bytes:
    """Make the picture of one planted bad pair."""
    if defect == "truncated_image":
        return truncated(row)
    if defect == "html_as_jpeg":
        return html_page(number)
    if defect == "blurred":
        return blurred(row)
    if defect == "tiny":
        return tiny(row)
    if defect == "near_copy":
        return near_copy(row, number)
    return row.image


def planted_pair(defect: str, row: Row, number: int, key: str, remake: bool) -> Pair:
    """Make one planted bad pair, keeping the picture that is already there unless told otherwise."""
    suffix = "jpg" if defect == "html_as_jpeg" else row.suffix
    path = HERE / "folder" / f"{key}.{suffix}"
    keep = path.exists() and not remake
    image = path.read_bytes() if keep else planted_image(defect, row, number)
    readable = defect not in ("truncated_image", "html_as_jpeg")
    size = image_size(image if readable else row.image)
    caption = similar_caption(row.caption, number) if defect == "near_copy" else row.caption
    return Pair(key, row.kind, suffix, image, size, caption, defect, row.key)


def planted_pairs(rows: list[Row], remake: bool) -> list[Pair]:
    """Make all planted bad pairs under the keys that ``captions.csv`` leaves free."""
    rng = np.random.default_rng(SEED)
    chosen = pick_originals(rows, rng)
    total = len(rows) + sum(PLANTED.values())
    used = {row.key for row in rows}
    free = [key for key in (f"{n:0{KEY_DIGITS}d}" for n in range(total)) if key not in used]
    keys = iter([free[i] for i in rng.permutation(len(free))])
    return [
        planted_pair(defect, row, number, next(keys), remake)
        for defect, originals in chosen.items()
        for number, row in enumerate(originals)
    ]


def write_folder(pairs: list[Pair]) -> None:
    """Write the picture and caption files; complain about files that belong to no pair."""
    folder = HERE / "folder"
    expected = set()
    for pair in pairs:
        image_path, text_path = folder / f"{pair.key}.{pair.suffix}", folder / f"{pair.key}.txt"
        if not image_path.exists() or image_path.read_bytes() != pair.image:
            image_path.write_bytes(pair.image)
        text_path.write_bytes(f"{pair.caption}\n".encode())
        expected |= {image_path.name, text_path.name}
    strays = sorted(path.name for path in folder.iterdir() if path.name not in expected)
    if strays:
        raise SystemExit(f"files in {folder} that belong to no pair: {', '.join(strays)}")


def write_truth(pairs: list[Pair]) -> None:
    """Write ``truth.csv``."""
    with (HERE / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "kind", "label", "defect", "original_key"])
        for pair in pairs:
            writer.writerow([pair.key, pair.kind, pair.label, pair.defect, pair.original_key])


def members(pair: Pair) -> dict[str, bytes]:
    """The shard members of one pair, by extension, in order."""
    record: dict[str, str | int] = {"key": pair.key, "width": pair.size[0], "height": pair.size[1]}
    if int(pair.key) % 3:
        record["source"] = f"https://images.example/{pair.key}.{pair.suffix}"
    parts = {
        pair.suffix: pair.image,
        "json": json.dumps(record).encode(),
        "txt": pair.caption.encode(),
    }
    return dict(sorted(parts.items()))


def write_shard(path: Path, pairs: list[Pair]) -> None:
    """Write one tar shard whose bytes depend on nothing but the pairs."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for pair in pairs:
            for extension, data in members(pair).items():
                info = tarfile.TarInfo(f"{pair.key}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def write_shards(pairs: list[Pair]) -> None:
    """Write the pairs, in key order, as shards of about the same length."""
    (HERE / "shards").mkdir(exist_ok=True)
    for number, indices in enumerate(np.array_split(np.arange(len(pairs)), SHARDS)):
        write_shard(HERE / "shards" / f"{number:05d}.tar", [pairs[i] for i in indices])


def main() -> None:
    """Build everything."""
    parser = argparse.ArgumentParser(description="Plant the bad pairs of the sample and pack the shards.")
    parser.add_argument("--remake", action="store_true", help="make kept planted pictures anew")
    remake: bool = parser.parse_args().remake
    rows = read_rows()
    pairs = sorted(kept_pairs(rows) + planted_pairs(rows, remake), key=lambda pair: pair.key)
    write_folder(pairs)
    write_truth(pairs)
    write_shards(pairs)
    bad = sum(pair.label == "bad" for pair in pairs)
    sys.stdout.write(f"{len(pairs)} pairs ({bad} bad) in {SHARDS} shards\n")


if __name__ == "__main__":
    main()
