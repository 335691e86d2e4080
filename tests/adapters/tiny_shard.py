"""The smallest shard there is: one pair."""

import io
import tarfile


def tiny_shard() -> bytes:
    """Make a shard of one pair, of which the picture is the bytes `picture`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("0.jpg", b"picture"), ("0.txt", b"a cat")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
