"""Where a data set's report lies, written so that it is whole or not there."""

from pathlib import Path

from pairsift.adapters.durable import FileFacts, write_durably
from pairsift.adapters.sources.files import path_component


def report_file(storage: Path, dataset: str) -> Path:
    """Tell where the report of a data set lies unless another file is asked for."""
    return storage / "reports" / f"{path_component(dataset)}.html"


def write_report(target: Path, page: str) -> FileFacts:
    """Write the page in place of the one before."""
    return write_durably(target, lambda path: path.write_text(page, encoding="utf-8"))
