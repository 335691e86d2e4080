"""Hostile and odd tars, each with the keys that must be read, and how many pairs count as lost at least.

A picture and a caption have a header block and a data block each, so a pair has 2,048 bytes: `a` is at 0, `b` at 2,048,
`c` at 4,096, `d` at 6,144, and the end blocks at 8,192.
"""

import io
import struct
import tarfile
from collections.abc import Callable, Iterator, Mapping

from tests.hostile.pictures import patched, tiny_png

KEYS = ("a", "b", "c", "d")
PAIR_BYTES, END = 2048, 8192
PICTURE, CAPTION = tiny_png(), b"a grey dot"

TarCase = tuple[str, bytes, tuple[str, ...], int | None]
"""Name, bytes, the keys of the pairs that are read, and the pairs that count as lost; None where the tar is whole."""


def tar_cases() -> list[TarCase]:
    """Make all cases; their names differ."""
    groups = (_cuts, _zeros, _headers, _members, _names, _samples, _declared_sizes, _extensions, _no_tars)
    return [case for group in groups for case in group()]


def member(name: str | bytes, data: bytes = b"", kind: bytes = b"0", size: bytes | None = None, **more: bytes) -> bytes:
    """Write one member byte by byte: a USTAR header with its checksum, and the data in whole blocks."""
    raw = name.encode() if isinstance(name, str) else name
    fields = [raw[:100].ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", size or b"%011o\0" % len(data)]
    fields += [b"00000000000\0", b" " * 8, kind, more.get("link", b"").ljust(100, b"\0"), b"ustar\00000"]
    header = b"".join(fields).ljust(512, b"\0")
    checksum = more.get("checksum", b"%06o\0 " % sum(header))
    return header[:148] + checksum + header[156:] + data + bytes(-len(data) % 512)


def pair(key: str | bytes) -> bytes:
    """Write a picture and its caption."""
    raw = key.encode() if isinstance(key, str) else key
    return member(raw + b".png", PICTURE) + member(raw + b".txt", CAPTION)


def tar(*parts: bytes) -> bytes:
    """Write members and the end blocks."""
    return b"".join(parts) + bytes(1024)


WHOLE = tar(*map(pair, KEYS))


def _cuts() -> Iterator[TarCase]:
    yield "whole", WHOLE, KEYS, None
    yield "whole-padded-to-a-record", WHOLE + bytes(-len(WHOLE) % 10_240), KEYS, None
    places = {
        "in-the-first-header": (100, (), 1),
        "behind-the-first-header": (512, (), 1),
        "in-the-first-picture": (540, (), 1),
        "behind-the-first-picture": (1024, (), 1),
        "in-the-first-caption": (1540, (), 1),
        "between-pairs": (PAIR_BYTES, ("a",), 1),
        "in-a-header": (PAIR_BYTES + 300, ("a",), 1),
        "in-a-picture": (2 * PAIR_BYTES + 530, ("a", "b"), 1),
        "before-a-caption": (2 * PAIR_BYTES + 1024, ("a", "b"), 1),
        "in-a-caption-s-header": (2 * PAIR_BYTES + 1025, ("a", "b"), 1),
        "in-the-last-caption": (END - 512 + 5, ("a", "b", "c"), 1),
        "in-the-last-padding": (END - 1, KEYS, 1),
        "before-the-end-blocks": (END, KEYS, 1),
        "in-the-first-end-block": (END + 100, KEYS, 0),
        "between-the-end-blocks": (END + 512, KEYS, 0),
        "in-the-last-end-block": (END + 1023, KEYS, 0),
    }
    yield from ((f"cut-{name}", WHOLE[:place], keys, lost) for name, (place, keys, lost) in places.items())


def _zeros() -> Iterator[TarCase]:
    hole = bytes(512)
    yield "zero-block-for-a-header", patched(WHOLE, 2 * PAIR_BYTES, hole), ("a", "b"), 1
    yield "zero-block-for-a-caption-s-header", patched(WHOLE, 2 * PAIR_BYTES + 1024, hole), ("a", "b"), 1
    yield "zero-block-at-the-start", hole + WHOLE, (), 1
    yield "zeros-in-a-picture", patched(WHOLE, 2 * PAIR_BYTES + 512, hole), KEYS, None  # the picture's own affair
    yield "two-tars-one-behind-the-other", WHOLE + WHOLE, KEYS, 1
    yield "rubbish-behind-the-end", WHOLE + b"rubbish", KEYS, 1
    yield "only-end-blocks", bytes(1024), (), None
    yield "only-zeros", bytes(1 << 20), (), None


def _headers() -> Iterator[TarCase]:
    yield "wrong-checksum", tar(pair("a"), member("b.png", PICTURE, checksum=b"012345\0 "), pair("c")), ("a",), 1
    yield "wrong-checksum-of-a-caption", patched(WHOLE, PAIR_BYTES + 1024, b"B"), ("a",), 1
    yield "wrong-checksum-at-the-start", patched(WHOLE, 0, b"A"), (), 1
    yield "checksum-that-is-no-number", tar(pair("a"), member("b.png", PICTURE, checksum=b"abcdefgh")), ("a",), 1
    yield "header-of-noise", patched(WHOLE, PAIR_BYTES, bytes(range(256)) * 2), ("a",), 1
    yield "header-of-0xff", patched(WHOLE, PAIR_BYTES, b"\xff" * 512), ("a",), 1
    yield (
        "signed-checksum",
        tar(pair("a"), _signed(member(b"b\xff.png", PICTURE)), pair("c")),
        ("a", "b\\udcff", "c"),
        None,
    )


def _signed(raw: bytes) -> bytes:
    """Give a header the checksum of old Sun tars, which added its bytes as signed ones."""
    header = raw[:148] + b" " * 8 + raw[156:512]
    return raw[:148] + b"%06o\0 " % sum(struct.unpack("512b", header)) + raw[156:]


def _members() -> Iterator[TarCase]:
    strange = {
        "symbolic-link": member("x.png", kind=b"2", link=b"/etc/passwd"),
        "link-that-leaves": member("x.png", kind=b"2", link=b"../../../../etc/passwd"),
        "link-to-itself": member("x.png", kind=b"2", link=b"x.png"),
        "hard-link": member("x.png", kind=b"1", link=b"a.png"),
        "character-device": member("x.png", kind=b"3"),
        "block-device": member("x.png", kind=b"4"),
        "fifo": member("x.png", kind=b"6"),
        "folder": member("x.png/", kind=b"5"),
        "volume-label": member("x.png", kind=b"V"),
        "folder-dump": member("x.png", kind=b"D"),
    }
    yield from ((name, tar(pair("a"), part, pair("b")), ("a", "b"), None) for name, part in strange.items())
    old = member("x.png", PICTURE, kind=b"\0") + member("x.txt", CAPTION, kind=b"7")
    yield "old-and-contiguous-files", tar(pair("a"), old), ("a", "x"), None
    yield "files-of-an-unknown-type", tar(pair("a"), member("x.png", PICTURE, b"Z")), ("a",), None
    # What has no data by the standard is followed by some: it is taken for a header.
    yield "hard-link-with-data", tar(pair("a"), member("x.png", PICTURE, b"1", link=b"a.png"), pair("b")), ("a",), 1
    yield "folder-with-data", tar(pair("a"), member("x.png", PICTURE, b"5"), pair("b")), ("a",), 1


def _names() -> Iterator[TarCase]:
    names: dict[str, tuple[bytes, tuple[str, ...]]] = {
        "name-that-leaves": (b"../../x", ("../../x",)),
        "absolute-name": (b"/etc/cron.d/x", ("/etc/cron.d/x",)),
        "absolute-name-without-a-dot": (b"/etc/x", ("/etc/x",)),
        "name-with-backslashes": (b"..\\..\\x", ()),
        "name-of-windows": (b"C:\\x", ("C:\\x",)),
        "name-with-a-line-break": (b"x\ny", ("x\ny",)),
        "name-with-escapes": (b"x\x1b[2Jy", ("x\x1b[2Jy",)),
        "name-turned-round": ("x\u202ey".encode(), ("x\u202ey",)),
        "name-not-utf8": (b"caf\xe9", ("caf\\udce9",)),
        "name-of-markup": (b"<b>[red]x", ("<b>[red]x",)),
        "name-of-sql": (b"x'); DROP TABLE pair; --", ("x'); DROP TABLE pair; --",)),
        "name-with-blanks": (b" x ", (" x ",)),
        "name-with-a-tab": (b"x\ty", ("x\ty",)),
        "name-of-per-cent": (b"%2e%2e%2fx", ("%2e%2e%2fx",)),
        "name-of-dots": (b"...", ()),
        "name-of-nothing": (b"", ()),
        "name-of-a-folder-alone": (b"x/", ("x/",)),  # as WebDataset has it
        "name-with-dots": (b"x.y", ()),
        "name-of-webdataset-s-own": (b"__x__", ("__x__",)),
        "name-of-90-bytes": (b"n" * 90, ("n" * 90,)),
    }
    yield from ((name, tar(pair("a"), pair(raw)), ("a", *keys), None) for name, (raw, keys) in names.items())


def _samples() -> Iterator[TarCase]:
    picture, caption = member("x.png", PICTURE), member("x.txt", CAPTION)
    yield "key-twice-apart", tar(pair("a"), pair("b"), pair("a")), ("a", "b", "a"), None
    yield "key-twice-at-once", tar(pair("a"), pair("a")), ("a", "a"), None
    yield "suffix-twice", tar(picture, picture, caption), ("x", "x"), None
    yield "suffixes-in-capitals", tar(member("x.PNG", PICTURE), member("x.TXT", CAPTION)), ("x",), None
    yield "caption-first", tar(caption, picture), ("x",), None
    yield "picture-alone", tar(pair("a"), picture), ("a", "x"), None
    yield "caption-alone", tar(pair("a"), caption), ("a", "x"), None
    yield "neither", tar(pair("a"), member("x.cls", b"1"), member("x.pyd", b"1")), ("a",), None
    yield "members-of-two-keys-mixed", tar(picture, member("y.png", PICTURE), caption), ("x", "y", "x"), None
    texts = {
        "json-caption": b'{"caption": "a grey dot"}',
        "json-broken": b'{"caption": "a grey',
        "json-a-list": b'["a grey dot"]',
        "json-deep": b"[" * 100_000,
        "json-nested-objects": b'{"a":' * 50_000,
        "json-not-utf8": b'{"caption": "caf\xe9"}',
        "json-surrogate": b'{"caption": "\\ud800 dot", "uid": "\\udfff"}',
        "json-nul": b'{"caption": "a\\u0000dot", "uid": "a\\u0000b", "key": 1}',
        "json-not-a-number": b'{"caption": NaN, "similarity": Infinity}',
        "json-huge-number": b'{"similarity": 1' + b"0" * 4000 + b"}",
        "json-number-beyond-python": b'{"similarity": 1' + b"0" * 10_000 + b"}",
        "json-doubled-keys": b'{"caption": 1, "caption": "a dot"}',
        "json-empty": b"",
    }
    for name, text in texts.items():
        yield name, tar(member("x.png", PICTURE), member("x.json", text)), ("x",), None


def _declared_sizes() -> Iterator[TarCase]:
    sizes = {
        "8-gigabytes": b"77777777777\0",
        "2-to-the-62": b"\x80\0\0\0" + struct.pack(">Q", 2**62),
        "2-to-the-88": b"\x80" + b"\xff" * 11,
        "minus-one": b"\xff" * 12,
        "minus-512": b"\xff" * 10 + b"\xfe\0",
        "no-number": b"size?       ",
        "nine": b"00000000009\0",
    }
    for name, size in sizes.items():
        yield f"size-of-{name}", tar(pair("a"), member("b.png", PICTURE, size=size), pair("c")), ("a",), 1
        yield f"size-of-{name}-in-a-long-name", tar(pair("a"), member("@", b"", b"L", size), pair("c")), ("a",), 1
    blank = tar(pair("a"), member("b.png", b"", size=b"            "), member("b.txt", CAPTION), pair("c"))
    yield "size-left-blank", blank, ("a", "b", "c"), None


def _extensions() -> Iterator[TarCase]:
    long = "folder/" * 40 + "n"
    for name, kind in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        yield f"{name}-long-name", _by_tarfile(kind, long), ("a", long, "z"), None
        yield f"{name}-name-of-5000", _by_tarfile(kind, "n" * 5000), ("a", "n" * 5000, "z"), None
    yield "pax-umlaut", _by_tarfile(tarfile.PAX_FORMAT, "grüße"), ("a", "grüße", "z"), None
    yield "gnu-long-name-for-nobody", tar(pair("a"), member("@", b"n" * 200 + b"\0", b"L")), ("a",), 1
    yield "gnu-long-names-in-a-chain", tar(pair("a"), member("@", b"n\0", b"L") * 3000), ("a",), 1
    for letter in "LKxg":
        endless = member("@", b"n" * (2 << 20), letter.encode())
        yield f"header-{letter}-of-2-megabytes", tar(pair("a"), endless), ("a",), 1
    yield "pax-200000-records", tar(pair("a"), member("@", b"5 a=\n" * 200_000, b"x"), pair("b")), ("a", "b"), None
    yield "gnu-sparse-file", tar(pair("a"), member("x.png", PICTURE, b"S"), pair("b")), ("a", "b"), None
    records: Mapping[str, tuple[bytes, tuple[str, ...], int | None]] = {
        "size-of-a-terabyte": (b"22 size=1099511627776\n", ("a",), 1),
        "size-below-zero": (b"11 size=-5\n", ("a",), 1),
        "size-of-a-word": (b"13 size=huge\n", ("a",), 1),
        "size-not-whole": (b"12 size=1.5\n", ("a",), 1),
        "length-of-zero": (b"0 path=x\n", ("a",), 1),
        "length-beyond-the-header": (b"999 path=x.png\n", ("a",), 1),
        "length-of-a-word": (b"xx path=x.png\n", ("a",), 1),
        "length-of-many-digits": (b"9" * 5000 + b" path=x\n", ("a",), 1),
        "name-that-leaves": (b"21 path=../../../x.p\n", ("a", "b", "c"), None),
        "name-of-nothing": (b"8 path=\n", ("a", "b", "c"), None),
        "foreign-charset": (b"24 hdrcharset=klingon-8\n", ("a", "b", "c"), None),
        "time-of-a-word": (b"15 mtime=never\n", ("a", "b", "c"), None),
        "sparse-1.0": (b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", ("a",), 1),
        "sparse-map-of-words": (b"24 GNU.sparse.map=x,y,z\n", ("a",), 1),
        "nothing": (b"", ("a", "b", "c"), None),
    }
    for name, (record, keys, lost) in records.items():
        yield f"pax-{name}", tar(pair("a"), member("@", record, b"x"), pair("b"), pair("c")), keys, lost
        data = tar(pair("a"), member("@", record, b"g"), pair("b"), pair("c"))
        named = name in {"name-that-leaves", "name-of-nothing"}  # all that follow, and it is no picture's
        yield f"pax-for-all-{name}", data, ("a",) if named else keys, lost


def _by_tarfile(kind: int, name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as file:
        for key in ("a", name, "z"):
            for suffix, data in (("png", PICTURE), ("txt", CAPTION)):
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _no_tars() -> Iterator[TarCase]:
    foreign: dict[str, Callable[[], bytes]] = {
        "nothing": lambda: b"",
        "one-byte": lambda: b"a",
        "gzip": lambda: b"\x1f\x8b\x08" + bytes(range(1, 250)) * 5,
        "zstandard": lambda: b"\x28\xb5\x2f\xfd" + bytes(range(1, 250)) * 5,
        "bzip2": lambda: b"BZh9" + bytes(range(1, 250)) * 5,
        "xz": lambda: b"\xfd7zXZ\0" + bytes(range(1, 250)) * 5,
        "zip": lambda: b"PK\3\4" + bytes(range(1, 250)) * 5,
        "html": lambda: b"<html><body>404 Not Found</body></html>".ljust(2048),
        "git-lfs-pointer": lambda: b"version https://git-lfs.github.com/spec/v1\n",
        "a-picture": lambda: PICTURE,
        "noise": lambda: bytes(range(256)) * 40,
    }
    yield from ((f"no-tar-but-{name}", data(), (), 1) for name, data in foreign.items())
