"""Which format a source has, by what lies there."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from pairsift.adapters.sources import coco, imagefolder, manifest, parquet, webdataset
from pairsift.adapters.sources.coco import is_json, load_json, looks_like_coco
from pairsift.adapters.sources.files import SourceFile
from pairsift.adapters.sources.folder import FILES, KOHYA, PLAIN, is_image, stem_of
from pairsift.adapters.sources.imagefolder import is_metadata
from pairsift.adapters.sources.parquet import is_parquet
from pairsift.adapters.sources.tables import columns_seen, is_table
from pairsift.adapters.sources.webdataset import is_shard
from pairsift.config import IngestConfig
from pairsift.core.source_columns import choose_columns
from pairsift.errors import ContainerDamagedError, SourceError

JSON_TRIED = 3
"""JSON files of a folder that are opened to see whether they are COCO's: there may be one an image."""

_GIVE = "say which are meant by a pattern such as 'FOLDER/*{ending}', or give the format ({formats})"


def sniff(uri: str, files: Sequence[SourceFile], config: IngestConfig) -> str | None:
    """Choose the format of a source; None where nothing in it can be read, SourceError where that is ambiguous."""
    shards = [file for file in files if is_shard(file.name)]
    images = [file for file in files if is_image(file.name)]
    if not shards and any(is_metadata(file.name) for file in files):
        return imagefolder.FORMAT
    if shards and images:
        raise _ambiguous(uri, f"{len(shards)} .tar file(s)", images, ".tar", "webdataset or folder")
    if shards:
        return webdataset.FORMAT
    return _sniff_tables(uri, files, images, config) or _sniff_images(files, images) or _sniff_json(files)


def _sniff_tables(
    uri: str, files: Sequence[SourceFile], images: Sequence[SourceFile], config: IngestConfig
) -> str | None:
    sidecars = _sidecars(files) if images else set()
    tables = [file for file in files if is_table(file.name) and file.name not in sidecars]
    if not tables:
        return None
    if images and _captioned(files, images):
        ending = PurePosixPath(tables[0].name).suffix
        raise _ambiguous(uri, f"{len(tables)} table(s)", images, ending, "manifest, parquet or folder")
    if not is_parquet(tables[0].name):
        return manifest.FORMAT
    try:
        seen = columns_seen(tables[0].uri)
    except ContainerDamagedError:  # reading it will say so, and the others go on
        return parquet.FORMAT
    embedded = choose_columns(tables[0].uri, seen, config.columns).embedded
    if embedded and images:
        raise _ambiguous(uri, f"{len(tables)} Parquet file(s) with images", images, ".parquet", "parquet or folder")
    return parquet.FORMAT if embedded else manifest.FORMAT


def _sidecars(files: Sequence[SourceFile]) -> set[str]:
    """Name the Parquet files that tell of img2dataset's files: beside them lie their `_stats.json` or their folder."""
    names = {file.name for file in files}
    folders = {str(PurePosixPath(name).parent) for name in names}
    stems = {name: stem_of(name) for name in names if is_parquet(name)}
    return {name for name, stem in stems.items() if f"{stem}_stats.json" in names or stem in folders}


def _captioned(files: Sequence[SourceFile], images: Sequence[SourceFile]) -> bool:
    stems = {stem_of(file.name) for file in images}
    return any(KOHYA.is_caption(file.name) and stem_of(file.name) in stems for file in files)


def _sniff_images(files: Sequence[SourceFile], images: Sequence[SourceFile]) -> str | None:
    stems = {stem_of(file.name) for file in images}
    beside = {PurePosixPath(file.name).suffix.lower() for file in files if stem_of(file.name) in stems}
    if not images:
        return None
    if ".caption" in beside:
        return KOHYA.format
    return FILES.format if ".json" in beside else PLAIN.format


def _sniff_json(files: Sequence[SourceFile]) -> str | None:
    found = [file for file in files if is_json(file.name)]
    if len(found) == 1:
        return coco.FORMAT if looks_like_coco(load_json(found[0].uri)) else None
    for file in found[:JSON_TRIED]:
        with suppress(SourceError):
            if looks_like_coco(load_json(file.uri)):
                return coco.FORMAT
    return None


def _ambiguous(uri: str, others: str, images: Sequence[SourceFile], ending: str, formats: str) -> SourceError:
    return SourceError(
        f"{uri} holds {others} and {len(images)} image file(s): {_GIVE.format(ending=ending, formats=formats)}"
    )
