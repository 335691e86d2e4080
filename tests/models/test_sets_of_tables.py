"""Target and evaluation sets are made of tables whose columns only the config tells."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import Command
from tests.models.tiny_clips import write_clip
from tests.tasks.shards import pairs_of


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write three pairs under names of columns that nobody would guess."""
    rows = []
    for key, members in pairs_of([1, 2, 3]).items():
        (tmp_path / f"{key}.jpg").write_bytes(members["jpg"])
        rows.append({"p": f"{key}.jpg", "q": members["txt"].decode()})
    pd.DataFrame(rows).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path / "pairs.csv"


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("command", ["target", "evaluation-set"])
def test_a_set_is_made_of_the_columns_that_the_config_tells(
    pairsift: Command, table: Path, tmp_path: Path, *, command: str
):
    config = tmp_path / "config.yaml"
    config.write_text("ingest: {columns: {image: p, caption: q}}\n", encoding="utf-8")
    encoder = f"open_clip:{write_clip(tmp_path / 'models' / 'vit', 'vit')}"

    code, out, err = pairsift(command, table, "--name", "mine", "--encoder", encoder, "--config", config, "--json")

    assert code == 0, err
    assert json.loads(out)["read"] == 3
