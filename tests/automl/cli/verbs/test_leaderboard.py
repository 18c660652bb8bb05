from __future__ import annotations

import csv
import io
import json

import pytest

from automl.cli import main
from automl.leaderboard import render
from automl.leaderboard.row import COLUMNS
from automl.store.files import write_json
from automl.store.run_dir import RunDir


@pytest.mark.parametrize("format", ["json", "csv"])
def test_a_script_gets_every_row(run_dir: RunDir, format: str, capsys: pytest.CaptureFixture[str]):
    assert main(["leaderboard", str(run_dir.path), "--format", format]) == 0
    text = capsys.readouterr().out
    rows = json.loads(text) if format == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [row["trial"] for row in rows] == ["svm-0", "knn-0", "mlp-0"]
    assert tuple(rows[0]) == COLUMNS


def test_the_table_says_what_it_ranks_by(run_dir: RunDir, capsys: pytest.CaptureFixture[str]):
    assert main(["leaderboard", str(run_dir.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "y (binary), by roc_auc: higher is better"
    assert "svm-0" in lines[4]


def test_markdown_is_a_table(run_dir: RunDir, capsys: pytest.CaptureFixture[str]):
    assert main(["leaderboard", str(run_dir.path), "--format=md"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("| --: | :-- |")


def test_a_path_that_is_no_run_is_status_2(tmp_path, capsys: pytest.CaptureFixture[str]):
    assert main(["leaderboard", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    assert main(["leaderboard"]) == 2
    assert "RUN is missing" in capsys.readouterr().err


def test_the_ensemble_is_shown_with_its_members_alone(run_dir, capsys):
    members = [{"trial": "svm-0", "weight": 1.0}]
    write_json(run_dir.ensemble / "ensemble.json", {"members": members, "score": 0.9})
    assert main(["leaderboard", str(run_dir.path), "ensemble", "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["trial"] for row in rows] == ["ensemble", "svm-0"]


def test_a_board_prints_as_the_table(board):
    assert repr(board) == render(board)
    assert "svm-0" in f"{board}"
