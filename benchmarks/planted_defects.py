"""What an ordinary `pairsift run` of the sample does with its planted bad pairs."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.sample_pictures import SAMPLE

COMMAND = "from pairsift.cli import main; main()"
VERDICTS = ["keep", "drop", "quarantine"]


@contextmanager
def curated(source: str) -> Iterator[Path]:
    """Curate the sample's `shards` or `folder` with the defaults; yield the folder that holds database and files."""
    with TemporaryDirectory() as folder:
        settings = {"PAIRSIFT_STORAGE": folder, "PREFECT_HOME": f"{folder}/prefect"}
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PAIRSIFT_", "PREFECT_"))
        }
        subprocess.run(
            [sys.executable, "-c", COMMAND, "run", str(SAMPLE / source), "--dataset", "sample", "--json"],
            env={**inherited, **settings, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        yield Path(folder)


def curated_sample() -> pd.DataFrame:
    """Curate the sample's shards; one row a pair, as in `pair_lineage`."""
    with curated("shards") as folder:
        return read_lineage(folder)


def read_lineage(folder: Path) -> pd.DataFrame:
    """Read `pair_lineage` of what was curated in a folder."""
    with closing(sqlite3.connect(folder / "pairsift.db")) as connection:
        return pd.read_sql_query("SELECT * FROM pair_lineage", connection)


def verdicts_by_defect(curated: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Count verdicts and list reasons for every kind and defect of `truth.csv`; a good pair's defect is `none`."""
    joined = curated.merge(truth, on="key", validate="one_to_one")
    joined["defect"] = joined["defect"].fillna("none")
    groups = joined.groupby(["defect", "kind"])
    counts = groups["verdict"].value_counts().unstack(fill_value=0).reindex(columns=VERDICTS, fill_value=0)
    counts["reasons"] = groups["reason"].agg(_count_reasons)
    return counts.reset_index()


def read_truth() -> pd.DataFrame:
    """Read `truth.csv`; a good pair's defect is missing."""
    return pd.read_csv(SAMPLE / "truth.csv", dtype=str)


def _count_reasons(reasons: "pd.Series[str]") -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.value_counts(sort=False).sort_index().items())
