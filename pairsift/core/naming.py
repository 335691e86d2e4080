"""Names derived from a source."""

import re

from pairsift.errors import ConfigError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_ENDING = re.compile(r"\.(tar(\.(gz|zst|bz2|xz))?|tgz|parquet|csv|tsv|jsonl|ndjson|json)$", re.IGNORECASE)
_BRACES = re.compile(r"\{[^{}]*\}")


def dataset_name(source: str) -> str:
    """Name a data set by its source's last path part without pattern characters; ConfigError where none is left.

    The ending of a file of pairs is left out, and so are the `@` and `.txt` of a list: `@lists/mine.txt` is `mine`,
    `data/cc12m/{00000..00099}.tar` is `cc12m`, `s3://bucket/pairs/{date:%Y/%m/%d}/*.tar` is `pairs`, and
    `s3://bucket/pairs/2026-11-01.tar` is `2026-11-01`.
    """
    if source.startswith("@"):
        source = source[1:].removesuffix(".txt")
    path = _BRACES.sub("{}", source.split("://", 1)[-1])  # a date's format may hold slashes
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".", "..")]
    while parts and any(mark in parts[-1] for mark in "*?{["):
        parts.pop()
    name = _UNSAFE.sub("-", _ENDING.sub("", parts[-1])).strip("-._") if parts else ""
    if not name:
        raise ConfigError(f"no data set name can be made of the source {source!r}: give one with --dataset NAME")
    return name[:100]
