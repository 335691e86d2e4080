"""Many distinct pairs derived from the sample: other crops, qualities and endings, to measure speed and memory."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sample"
PAIRS_PER_SHARD = 2_500
ENDINGS = ("", " today", " at noon", " in the morning", " on a quiet day", " seen from the side", " in bright light")


def write_derived(folder: Path, count: int, pairs_per_shard: int = PAIRS_PER_SHARD) -> None:
    """Write `count` pairs as WebDataset shards; no two share their image bytes, and captions are of natural length."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = derived_pairs(count)
    for start in range(0, count, pairs_per_shard):
        with tarfile.open(folder / f"{start // pairs_per_shard:05d}.tar", "w") as shard:
            for _ in range(min(pairs_per_shard, count - start)):
                add_pair(shard, *next(pairs))


def derived_pairs(count: int) -> Iterator[tuple[str, bytes, str]]:
    """Give (key, JPEG, caption): every picture in turn, cropped and encoded otherwise each time round."""
    rows = pd.read_csv(SAMPLE / "captions.csv", dtype=str)
    rows = rows[rows["role"] == "good"].reset_index(drop=True)
    pictures = [open_picture(key) for key in rows["key"]]
    for number in range(count):
        row, turn = number % len(rows), number // len(rows)
        caption = str(rows["caption"][row]).rstrip(".") + ENDINGS[turn % len(ENDINGS)] + "."
        yield f"{number:09d}", derive(pictures[row], turn), caption


def open_picture(key: str) -> Image.Image:
    """Open a picture of the sample as RGB on white."""
    path = next(path for path in sorted((SAMPLE / "folder").glob(f"{key}.*")) if path.suffix != ".txt")
    picture = Image.open(path).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def derive(picture: Image.Image, turn: int) -> bytes:
    """Crop some pixels off and encode at a quality of its own."""
    left, top = turn % 8, turn // 8 % 8
    cropped = picture.crop((left, top, picture.width - turn // 64 % 8, picture.height))
    target = io.BytesIO()
    cropped.save(target, "JPEG", quality=80 + turn % 13)
    return target.getvalue()


def add_pair(shard: tarfile.TarFile, key: str, image: bytes, caption: str) -> None:
    """Append one pair to a shard."""
    for suffix, data in (("jpg", image), ("txt", caption.encode())):
        member = tarfile.TarInfo(f"{key}.{suffix}")
        member.size = len(data)
        shard.addfile(member, io.BytesIO(data))
