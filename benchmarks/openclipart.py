"""Gather free drawings with the titles and keywords that their authors gave them, from two packages of Debian.

Unpacked beforehand: `apt-get download openclipart-png openclipart-svg`, then `dpkg-deb -x` each into one folder.
"""

import argparse
import gzip
import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = frozenset({"special", "shapes", "signs_and_symbols", "computer", "unsorted", "logos", "geography"})
"""Folders of gradients, stars, flags, icons and maps: hundreds of drawings with hardly a word to tell them apart."""
NO_WORDS = frozenset({"hash", "icons", "icon", "theme", "mimeicon", "clip art", "clipart", "externalsource", "misc"})
LEAST_WORDS, MOST_CHARACTERS = 3, 120

_COLLECTION = re.compile(
    r"part of|theme|clipart by|collection|openclipart|etiquette|crystal|converted|\.svg", re.IGNORECASE
)
_NUMBERS = re.compile(r"\b(\d+|r)\b")
_METADATA = re.compile(r"<metadata.*?</metadata>", re.DOTALL)
_TITLE = re.compile(r"<dc:title>\s*(.*?)\s*</dc:title>", re.DOTALL)
_KEYWORD = re.compile(r"<rdf:li>\s*(.*?)\s*</rdf:li>", re.DOTALL)


def main() -> None:
    """Write a folder of pairs: NUMBER.png with NUMBER.txt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("unpacked", type=Path, help="folder that both packages were unpacked into")
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    options.target.mkdir(parents=True)
    count = 0
    for picture, caption in captioned(options.unpacked / "usr" / "share" / "openclipart"):
        shutil.copyfile(picture, options.target / f"{count:05d}.png")
        (options.target / f"{count:05d}.txt").write_text(caption, encoding="utf-8")
        count += 1
    print(f"{count} pairs")


def captioned(root: Path) -> Iterator[tuple[Path, str]]:
    """Give each drawing that says what it is, with a caption that no other has."""
    seen: set[str] = set()
    for picture in sorted((root / "png").rglob("*.png")):
        place = picture.relative_to(root / "png")
        drawing = root / "svg" / place.with_suffix(".svg")
        if place.parts[0] in LEFT_OUT or not drawing.is_file():
            continue
        caption = caption_of(drawing.read_bytes(), place.parts[1:-1])
        if caption is not None and caption.lower() not in seen:
            seen.add(caption.lower())
            yield picture, caption


def caption_of(svg: bytes, folders: tuple[str, ...]) -> str | None:
    """Join title, keywords and the last folder's name, each word group once; None if they say too little."""
    text = (gzip.decompress(svg) if svg[:2] == b"\x1f\x8b" else svg).decode(errors="replace")
    metadata = _METADATA.search(text)
    title = _TITLE.search(metadata[0].split("<dc:creator")[0]) if metadata else None
    if metadata is None or title is None or _COLLECTION.search(title[1]):
        return None
    said = [" ".join(_NUMBERS.sub("", html.unescape(title[1]).replace("_", " ")).split()).strip(" -.")]
    if not said[0]:
        return None
    for keyword in [*_KEYWORD.findall(metadata[0]), *folders[-1:]]:
        words = keyword.replace("_", " ").strip().lower()
        if words and words not in NO_WORDS and not re.search(r"\d", words) and words not in ", ".join(said).lower():
            said.append(words)
    caption = ", ".join(said)
    return caption if len(caption.split()) >= LEAST_WORDS and len(caption) <= MOST_CHARACTERS else None


if __name__ == "__main__":
    main()
