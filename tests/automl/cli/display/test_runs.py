import csv
import json

import pytest

from automl.cli import main
from automl.store.files import write_json


@pytest.fixture
def folder(run_dir):
    """A folder with a run, a damaged one, and something else."""
    members = [{"trial": "svm-0", "weight": 1.0}]
    write_json(run_dir.ensemble / "ensemble.json", {"members": members, "score": 0.91})
    broken = run_dir.path.parent / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    (run_dir.path.parent / "notes").mkdir()
    return run_dir.path.parent


def shown(capsys, *words):
    assert main(["leaderboard", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_folder_of_runs_is_a_line_for_each(folder, run_dir, capsys):
    rows = {row["run"]: row for row in json.loads(shown(capsys, folder, "--format", "json"))}
    assert set(rows) == {str(run_dir.path), str(folder / "broken")}
    row = rows[str(run_dir.path)]
    assert (row["target"], row["metric"], row["best"], row["trials"]) == (
        "y",
        "roc_auc",
        "svm-0",
        3,
    )
    assert row["score"] == 0.91
    assert "damaged" in rows[str(folder / "broken")]["status"]


def test_several_runs_are_compared(folder, run_dir, capsys):
    words = (run_dir.path, folder / "broken", "--format", "csv")
    rows = list(csv.DictReader(shown(capsys, *words).splitlines()))
    assert [row["run"] for row in rows] == [str(run_dir.path), str(folder / "broken")]
    assert "svm-0" in shown(capsys, run_dir.path, run_dir.path)


def test_texts_that_a_spreadsheet_would_run_are_guarded(run_dir, capsys):
    manifest = json.loads(run_dir.manifest.read_text())
    write_json(run_dir.manifest, {**manifest, "target": "=cmd()"})
    words = (run_dir.path.parent, "--format", "csv")
    assert ",'=cmd()," in shown(capsys, *words)
    assert ",=cmd()," in shown(capsys, *words, "--raw")


def test_a_folder_without_runs_and_a_test_table_for_several_are_refused(folder, capsys):
    assert main(["leaderboard", str(folder / "notes")]) == 2
    assert "is not a run" in capsys.readouterr().err
    assert main(["leaderboard", str(folder), "--test", "x.csv"]) == 2
    assert "several runs" in capsys.readouterr().err
