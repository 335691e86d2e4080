"""Write the hostile suite's cases as files, to be looked at: `python -m tests.hostile.cases FOLDER`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pairsift.core.records import Reason
from tests.hostile.caption_cases import TEXT, caption_cases
from tests.hostile.image_cases import image_cases
from tests.hostile.tar_cases import tar_cases
from tests.unit.pictures import encoded, scene


@dataclass(frozen=True, slots=True)
class PairCase:
    """A pair of which one side is hostile or odd; `reason` is why it must be quarantined, if it must.

    `cleaned` is the caption that it must be cleaned to, where that is given.
    """

    name: str
    image: bytes | None
    caption: bytes | None
    reason: Reason | None
    cleaned: str | None = None


def pair_cases() -> list[PairCase]:
    """Make a pair of every picture, with a good caption, and of every caption, with a good picture."""
    return [*_of_images(), *_of_captions()]


def _of_images() -> Iterator[PairCase]:
    for name, image, reason in image_cases():
        yield PairCase(f"image-{name}", image, TEXT.encode(), reason)


def _of_captions() -> Iterator[PairCase]:
    picture = encoded(scene(0, 96, 72), "JPEG")
    for name, caption, expected in caption_cases():
        reason = expected if isinstance(expected, Reason) else None
        cleaned = None if isinstance(expected, Reason) else expected
        yield PairCase(f"caption-{name}", picture, caption, reason, cleaned)


def main(folder: Path) -> None:
    """Write every case that has bytes into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in pair_cases():
        side = case.image if case.name.startswith("image-") else case.caption
        if side is not None:
            (folder / case.name).write_bytes(side)
    for name, data, _, _ in tar_cases():
        (folder / f"tar-{name}.tar").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
