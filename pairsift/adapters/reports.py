"""Where a data set's report lies, written so that it is whole or not there."""

from pathlib import Path

from pairsift.adapters.durable import FileFacts, write_durably
from pairsift.adapters.sources.files import path_component


def report_file(storage: Path, dataset: str, run_id: str | None = None) -> Path:
    """Tell where the report of a data set, or of one run of it, lies unless another file is asked for."""
    folder, name = storage / "reports", path_component(dataset)
    return folder / f"{name}.html" if run_id is None else folder / name / f"{path_component(run_id)}.html"


def write_report(target: Path, page: str) -> FileFacts:
    """Write the page in place of the one before."""
    return write_durably(target, lambda path: path.write_text(page, encoding="utf-8"))
