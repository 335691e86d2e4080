"""Fuzz an entry by coverage, for so many seconds: `python -m tests.hostile.fuzz image|tar FOLDER SECONDS`.

Exit code 0 where nothing was found; else the input that did it lies in the folder, to become a case.
"""

import sys
import warnings
from pathlib import Path

import atheris

WATCHED = {"image": ["pairsift.core", "PIL.Image", "PIL.ImageFile"], "tar": ["pairsift.adapters.sources", "tarfile"]}
with atheris.instrument_imports(include=WATCHED[sys.argv[1]]):
    from tests.hostile.image_cases import image_cases
    from tests.hostile.tar_cases import tar_cases
    from tests.hostile.test_fuzzing import FILES, entry, index

LARGEST = 4096
ENTRIES = {"image": entry, "tar": index}


def corpus(target: str) -> list[bytes]:
    """Name the inputs to begin with: the suite's own small ones."""
    if target == "tar":
        return [case[1] for case in tar_cases() if len(case[1]) <= 4 * LARGEST]
    return [*FILES, *(case[1] for case in image_cases() if case[1] and len(case[1]) <= LARGEST)]


def main() -> None:
    """Write the corpus and fuzz."""
    target, folder, seconds = sys.argv[1:]
    warnings.simplefilter("ignore")
    seeds = Path(folder, "corpus")
    seeds.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus(target)):
        (seeds / f"{number}").write_bytes(data)
    options = ["-seed=1", f"-max_total_time={seconds}", f"-max_len={4 * LARGEST}", "-timeout=30", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(seeds)], ENTRIES[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
