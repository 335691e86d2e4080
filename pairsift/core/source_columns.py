"""Which columns of a table are image, caption and names: the words that the field's tools use, or those asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pairsift.config import ColumnsConfig
from pairsift.core.conditions import nearest
from pairsift.errors import SourceError

IMAGE_NAMES = ("jpg", "png", "webp", "jpeg", "image", "image_bytes", "bytes")
PATH_NAMES = ("file_name", "filepath", "image_path", "path", "image")
CAPTION_NAMES = ("text", "caption", "title", "txt")
UID_NAMES = ("uid", "sample_id", "id", "key")
"""Unlike the others an order: the first that is there is the pair's own uid in its source."""
URL_NAMES = ("url",)

FETCH = (
    "Pairsift never fetches from the web: fetch the images first, such as by "
    "`img2dataset --url_list FILE --input_format {format} --url_col {url} --caption_col {caption} "
    "--output_format webdataset --output_folder shards`, and give it the shards"
)


class Kind(StrEnum):
    """What a column may hold; in CSV and JSON that is not known beforehand."""

    BYTES = "bytes"
    TEXT = "text"
    UNKNOWN = "unknown"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that make up a pair; `embedded` if `image` holds the image and not its path."""

    image: str
    caption: str
    uid: str | None
    key: str | None
    embedded: bool


def choose_columns(where: str, seen: Mapping[str, Kind], asked: ColumnsConfig, path_suffix: str = "") -> Columns:
    """Find the columns of a table; SourceError lists what was seen where none or several would do.

    Names are compared without regard to case. A column called `path_suffix`, or else one that ends in it, is the path
    whatever others there are.
    """
    image = asked.image or _image(where, seen, path_suffix)
    caption = asked.caption or _only(where, "caption", _named(seen, CAPTION_NAMES, {Kind.TEXT, Kind.UNKNOWN}), seen)
    uid = asked.uid or next(iter(_in_order(seen, UID_NAMES)), None)
    key = asked.key or next(iter(_in_order(seen, ("key",))), None)
    for name in (image, caption, *(name for name in (asked.uid, asked.key) if name)):
        if name not in seen:
            raise SourceError(f"{where} has no column {name!r} (ingest.columns): {nearest(name, set(seen))}")
    if seen[image] is Kind.OTHER or seen[caption] in (Kind.OTHER, Kind.BYTES):
        raise SourceError(f"{where}: column {image!r} is no image or path, or {caption!r} no text; seen: {_list(seen)}")
    return Columns(image, caption, uid, key, seen[image] is Kind.BYTES)


def name_of(said: object) -> str | None:
    """Take what a source says as a name; None where it says none."""
    if isinstance(said, float) and said.is_integer():  # a column of integers in which some were missing
        said = int(said)
    return str(said) if isinstance(said, str | int) and not isinstance(said, bool) and said != "" else None


def _image(where: str, seen: Mapping[str, Kind], path_suffix: str) -> str:
    embedded = _named(seen, IMAGE_NAMES, {Kind.BYTES})
    paths = _named(seen, PATH_NAMES, {Kind.TEXT, Kind.UNKNOWN})
    if path_suffix:
        suffixed = [name for name in seen if name.lower().endswith(f"_{path_suffix}")]
        paths = _named(seen, (path_suffix,), {Kind.TEXT, Kind.UNKNOWN}) or suffixed or paths
    urls = _named(seen, URL_NAMES, set(Kind))
    if urls and not embedded and not paths:
        caption = next(iter(_named(seen, CAPTION_NAMES, set(Kind))), "CAPTION")
        fetch = FETCH.format(format=where.rpartition(".")[2].lower(), url=urls[0], caption=caption)
        raise SourceError(f"{where} lists URLs and holds no images or paths of images. {fetch}")
    return _only(where, "image", embedded or paths, seen)


def _only(where: str, role: str, candidates: list[str], seen: Mapping[str, Kind]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    found = f"several {role} columns: {', '.join(map(_shown, candidates))}" if candidates else f"no {role} column"
    raise SourceError(f"{where} has {found}; name it as ingest.columns.{role} in the config. Seen: {_list(seen)}")


def _named(seen: Mapping[str, Kind], names: Collection[str], kinds: Collection[Kind]) -> list[str]:
    return [name for name, kind in seen.items() if name.lower() in names and kind in kinds]


def _in_order(seen: Mapping[str, Kind], names: Collection[str]) -> list[str]:
    return [name for wanted in names for name in seen if name.lower() == wanted]


def _list(seen: Mapping[str, Kind]) -> str:
    shown = [_shown(name) if kind is Kind.UNKNOWN else f"{_shown(name)} ({kind})" for name, kind in seen.items()]
    return ", ".join(shown[:50]) or "nothing"


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)
