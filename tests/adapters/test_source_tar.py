import io
import random
import tarfile

import pytest

from pairsift.adapters.sources.tar import Member, read_members
from pairsift.core.records import Damage

FILES = [("a.jpg", b"A" * 700), ("a.txt", b"a cat"), ("b.jpg", b"B" * 1024), ("b.txt", b"a dog")]


def build(files: list[tuple[str, bytes]], tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def read(data: bytes) -> tuple[list[Member], list[Damage]]:
    items = list(read_members(io.BytesIO(data), lambda _: True))
    return [item for item in items if isinstance(item, Member)], [item for item in items if isinstance(item, Damage)]


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_member_is_where_it_is_said_to_be(tar_format: int):
    long = "folder/" * 13 + "n" * (40 if tar_format == tarfile.USTAR_FORMAT else 200)
    data = build([*FILES, (f"{long}.jpg", b"long"), ("grüße.jpg", b"umlaut"), ("empty.txt", b"")], tar_format)

    members, damages = read(data)

    assert damages == []
    assert [m.name for m in members] == ["a.jpg", "a.txt", "b.jpg", "b.txt", f"{long}.jpg", "grüße.jpg", "empty.txt"]
    assert [data[m.offset : m.offset + m.size] for m in members] == [m.data for m in members]
    assert members[4].data == b"long"


def test_reads_no_data_that_is_not_wanted():
    members = list(read_members(io.BytesIO(build(FILES)), lambda name: name.endswith(".txt")))

    assert [member.data for member in members if isinstance(member, Member)] == [None, b"a cat", None, b"a dog"]


def test_passes_over_folders_links_and_devices():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo("a.jpg")
            member.type = kind
            member.linkname = "/etc/passwd"
            tar.addfile(member)

    assert read(buffer.getvalue()) == ([], [])


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_plain_header_says_what_tarfile_reads_in_it(tar_format: int):
    names = ["a.jpg", "folder/é.txt", "n" * 99, "n" * 100, "p" * 60 + "/" + "n" * 60, "s\udcff.txt"]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tar_format, errors="surrogateescape") as tar:
        for size, name in enumerate(names, 510):
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.mtime = size, 1000, 1_700_000_000
            tar.addfile(member, io.BytesIO(bytes(size)))
    with tarfile.open(fileobj=io.BytesIO(target.getvalue())) as tar:
        expected = [(member.name, member.offset_data, member.size) for member in tar]

    members, damage = read(target.getvalue())

    assert [(member.name, member.offset, member.size) for member in members] == expected
    assert damage == []


def test_a_record_for_all_members_holds_for_plain_headers_too():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "all.txt"}) as tar:
        tar.addfile(tarfile.TarInfo("one.txt"))

    members, _ = read(target.getvalue())

    assert [member.name for member in members] == ["all.txt"]


def test_reports_a_bad_header_checksum():
    data = bytearray(build(FILES))
    data[2560] ^= 0xFF  # the first byte of the third header, "b.jpg"

    members, damages = read(bytes(data))

    assert [m.name for m in members] == ["a.jpg", "a.txt"]
    assert damages == [Damage("unreadable header: bad checksum", 2560)]


def test_reports_a_zero_block_in_the_middle():
    data = bytearray(build(FILES))
    data[2560:3072] = bytes(512)

    members, damages = read(bytes(data))

    assert len(members) == 2
    assert damages == [Damage("a block of zeros, and then data", 2560)]


def test_reports_cut_data():
    members, damages = read(build(FILES)[:4000])

    assert len(members) == 2
    assert damages == [Damage("'b.jpg' is cut: 928 of 1024 bytes", 2560)]


def test_reports_a_cut_header():
    _, damages = read(build(FILES)[:2700])

    assert damages == [Damage("unreadable header: truncated header", 2560)]


def test_reports_a_cut_between_members():
    members, damages = read(build(FILES)[:2560])

    assert len(members) == 2
    assert damages == [Damage("the shard ends without end blocks: it was cut", 2560)]


def test_a_lone_end_block_costs_no_pair():
    members, damages = read(build(FILES)[: 5120 + 512])

    assert len(members) == 4
    assert [damage.lost_pairs for damage in damages] == [0]


def test_names_the_compression():
    _, damages = read(b"\x1f\x8b\x08" + bytes(range(1, 200)) * 10)

    assert damages[0].message.startswith("this is gzip-compressed")


def test_no_cut_raises_hides_or_changes_anything():
    data = build([*FILES, ("n" * 150 + ".jpg", b"long")], tarfile.GNU_FORMAT)
    whole, _ = read(data)
    end = whole[-1].offset + 512

    for cut in range(0, end + 1, 512):
        members, damages = read(data[:cut])

        assert members == whole[: len(members)]
        assert len(damages) == 1


def test_random_bytes_never_raise_and_never_loop():
    generator = random.Random(7)
    data = build([*FILES, ("n" * 150 + ".jpg", b"long")], tarfile.PAX_FORMAT)

    for _ in range(3000):
        broken = bytearray(data)
        for _ in range(generator.randint(1, 8)):
            broken[generator.randrange(len(broken))] = generator.randrange(256)
        members, _ = read(bytes(broken))

        assert all(member.data == bytes(broken)[member.offset : member.offset + member.size] for member in members)


@pytest.mark.parametrize("size", [b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\xff" * 11 + b"\x00", b"777777777777"])
@pytest.mark.parametrize("kind", [b"0", b"L", b"x", b"g", b"Z"])
def test_impossible_sizes_are_damage(size: bytes, kind: bytes):
    header = bytearray(build([("a.jpg", b"")])[:512])
    header[124:136] = size
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()

    members, damages = read(bytes(header) + build(FILES))

    assert members == []
    assert len(damages) == 1


def test_a_negative_size_in_a_pax_record_is_damage():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a.jpg")
        member.pax_headers = {"size": "-512"}
        tar.addfile(member)

    members, damages = read(buffer.getvalue())

    assert members == []
    assert damages == [Damage("unreadable header: a size of '-512' in a pax record", 0)]


def test_a_long_chain_of_long_names_is_damage():
    header = bytearray(build([("a.jpg", b"")])[:512])
    header[156:157] = b"L"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()

    _, damages = read(bytes(header) * 3000)

    assert len(damages) == 1
