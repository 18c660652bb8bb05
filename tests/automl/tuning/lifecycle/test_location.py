"""Places where a run must not be written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from automl.errors import RunError
from automl.store.run_dir import RunDir
from automl.tuning.lifecycle.location import check_place


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos/cats").mkdir(parents=True)
    Path("photos/cats/a.png").write_text("an image")
    Path("linked").symlink_to("photos")
    Path("data").mkdir()
    Path("data/train.csv").write_text("a\n1\n")


@pytest.mark.parametrize(
    ("out", "source", "message"),
    [
        ("/", "data/train.csv", r"is the root of the file system, .*such as runs/first"),
        ("photos/run", "photos", r"is inside photos, .* outside it, such as out='/.*/runs/first"),
        ("photos/run", "linked", "is inside linked"),
        ("linked/cats/run", Path("photos/"), "is inside photos"),
        ("runs/now", ".", r"is inside \., which is the data"),
        ("photos", "photos", "out='photos' is the data"),
        ("linked", "photos", "out='linked' is the data"),
        ("data/train.csv", "data/train.csv", r"out='data/train\.csv' is the data"),
        ("data", "data/train.csv", r"holds the data, data/train\.csv"),
        (".", "data/../data/train.csv", "holds the data"),
    ],
)
def test_a_run_is_not_written_into_its_data_nor_around_it(out, source, message):
    with pytest.raises(RunError, match=message):
        check_place(RunDir(Path(out)), source)


@pytest.mark.parametrize(
    ("out", "source"),
    [
        ("data/run", "data/train.csv"),
        ("photos-run", "photos"),
        ("run", "sqlite:///data/train.csv"),
        ("photos/run", "data/train.csv"),
        ("run", "no\0path"),
        ("run", pd.DataFrame({"a": [1]})),
    ],
)
def test_a_run_may_lie_beside_its_data(out, source):
    check_place(RunDir(Path(out)), source)
