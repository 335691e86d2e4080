"""What reading from and writing to an object store costs, with a round trip of some milliseconds before each answer.

`python -m benchmarks.object_store` starts moto's S3 server in a process of its own, and between the two a relay that
holds every request back for the round trip: moto is a Python program for tests, so that its rates are its own, and
what reading ahead saves is what counts. Memory is the highest of this process until then.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path

import fsspec
from fsspec.config import conf

from benchmarks.markdown import print_table
from pairsift.adapters.published import publish
from pairsift.adapters.remote import read_range
from pairsift.adapters.sources import read_partition
from pairsift.core.records import Location, PartitionSpec, ReadPair

HOST = "127.0.0.1"
PICTURE = os.urandom(100_000)
URI = "s3://bucket/shard.tar"


def main() -> None:
    """Print what a shard's listing, its pictures in order, one picture at a time and an upload cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--round-trip-ms", type=float, default=30)
    options = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with tempfile.TemporaryDirectory() as folder, moto() as behind:
        conf["s3"] = {"endpoint_url": f"http://{HOST}:{relay(behind, options.round_trip_ms / 1e3)}"}
        fsspec.filesystem("s3").mkdir("bucket")
        print_table(
            ("pairs", "what", "s", "ms a pair", "MB/s", "peak MB"),
            [row for pairs in options.pairs for row in rows(Path(folder), pairs)],
        )


def rows(folder: Path, pairs: int) -> Iterator[tuple[str, ...]]:
    """Measure one shard of so many pairs."""
    shard = write_shard(folder / f"{pairs}.tar", pairs)
    yield row(pairs, "put the shard", pairs, partial(publish, URI, folder, shard.rename))
    places: list[Location] = []
    yield row(pairs, "read it whole (ingest)", pairs, lambda: places.extend(places_of(URI)))
    yield row(pairs, "its pictures in order (preprocess)", pairs, partial(read_all, places))
    yield row(pairs, "100 of them, a request each", 100, partial(read_all, places[99::-1]))


def places_of(uri: str) -> Iterator[Location]:
    """Read a shard; tell where its pictures are."""
    for found in read_partition(PartitionSpec("shard", uri, "webdataset", "")):
        if isinstance(found, ReadPair) and found.pair.image is not None:
            yield found.pair.image


def read_all(places: Sequence[Location]) -> None:
    """Read pictures as preprocess does."""
    for place in places:
        read_range(place.uri, place.offset, place.size)


def row(pairs: int, what: str, done: int, work: Callable[[], object]) -> tuple[str, ...]:
    """Time one piece of work."""
    started = time.monotonic()
    work()
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    rate = done * len(PICTURE) / 1e6 / seconds
    return f"{pairs:,}", what, f"{seconds:.1f}", f"{1e3 * seconds / done:.1f}", f"{rate:.0f}", f"{peak:.0f}"


def write_shard(path: Path, pairs: int) -> Path:
    """Write pairs whose pictures are noise: nothing here decodes them."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for n in range(pairs):
            for suffix, data in (("jpg", PICTURE), ("txt", b"a caption")):
                member = tarfile.TarInfo(f"{n:06d}.{suffix}")
                member.size = len(data)
                tar.addfile(member, BytesIO(data))
    return path


@contextmanager
def moto() -> Iterator[int]:
    """Start moto's server in a process of its own; yield its port."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while socket.socket().connect_ex((HOST, port)):
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def relay(behind: int, round_trip_s: float) -> int:
    """Pass connections on, holding back what is asked for the round trip; return the relay's port."""
    server = socket.create_server((HOST, 0))

    def accept() -> None:
        while True:
            near, _ = server.accept()
            far = socket.create_connection((HOST, behind))
            threading.Thread(target=pump, args=(near, far, round_trip_s), daemon=True).start()
            threading.Thread(target=pump, args=(far, near, 0), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


def pump(source: socket.socket, target: socket.socket, delay_s: float) -> None:
    """Pass bytes on; the first of a burst wait."""
    last = 0.0
    with suppress(OSError):  # the other direction has ended
        while data := source.recv(1 << 18):
            if delay_s and time.monotonic() - last > delay_s / 2:
                time.sleep(delay_s)
            target.sendall(data)
            last = time.monotonic()
    target.close()


if __name__ == "__main__":
    main()
