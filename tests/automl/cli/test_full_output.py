"""Standard output on a full disk, and where it is appended to what is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a run."""
    folder = tmp_path_factory.mktemp("place")
    frame = pd.DataFrame({"x": np.arange(60.0), "y": ["=1+1", "no"] * 30})
    frame.to_csv(folder / "data.csv", index=False)
    overrides = ("family=[baseline]",)
    automl.search(frame, target="y", trials=1, out=folder / "run", overrides=overrides)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "predict --help",
        "predict run data.csv",
        "leaderboard run",
        "leaderboard run --format json",
        "inspect data.csv",
        "plugins",
        "search data.csv --target y --trials 1 family=[baseline] --out new",
    ],
)
def test_a_full_disk_on_standard_output_is_exit_3(place: Path, line: str):
    command = [sys.executable, "-m", "automl", *line.split()]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=place, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    expected = "automl: error: standard output cannot be written: no space is left on its disk\n"
    assert done.stderr == expected
    if line.startswith("search"):
        assert (place / "new" / "leaderboard.csv").exists()


@pytest.mark.parametrize(
    "line",
    [
        "predict run some.csv",
        "inspect some.csv",
        "leaderboard run --test some.csv",
        "search some.csv --trials 1 family=[baseline]",
    ],
)
def test_nothing_is_appended_to_what_is_read(place: Path, line: str):
    text = (place / "data.csv").read_text()
    (place / "some.csv").write_text(text)
    command = [sys.executable, "-m", "automl", *line.split()]
    with (place / "some.csv").open("ab") as same:
        done = subprocess.run(command, cwd=place, stdout=same, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "standard output goes to some.csv, which is an input" in done.stderr
    assert (place / "some.csv").read_text() == text


def test_predictions_that_a_spreadsheet_would_run_are_guarded_unless_raw(place: Path):
    def predicted(*options: str) -> set[str]:
        command = [sys.executable, "-m", "automl", "predict", "run", "data.csv", *options]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
        return set(done.stdout.splitlines()[1:])

    assert predicted() <= {"'=1+1", "no"}
    assert predicted("--raw") <= {"=1+1", "no"}
