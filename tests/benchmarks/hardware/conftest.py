"""One small search, recorded as a unit records it, and lines of results."""

from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.hardware import searcher

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    """Another series of this machine does not keep a test from running."""
    monkeypatch.setattr(machine, "LOCK", tmp_path / "lock")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A folder with the run of three trials, and what ran when."""
    folder = tmp_path_factory.mktemp("recorded")
    searcher.main(
        {
            "tree": str(ROOT),
            "train": str(ROOT / "examples" / "penguins.csv"),
            "target": "species",
            "task": "multiclass",
            "metric": "log_loss",
            "time_s": None,
            "seed": 0,
            "out": str(folder / "run"),
            "overrides": ["trials=3", "family=[linear,knn]", "search.folds=3"],
            "activity": str(folder / "activity.jsonl"),
        }
    )
    return folder


@pytest.fixture
def data(tmp_path):
    """A folder of tables with the penguins, and with a table whose file is missing."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = "name,file,target,task\npenguins,penguins.csv,species,multiclass\nlost,l.csv,y,binary\n"
    (folder / "catalog.csv").write_text(text)
    (folder / "penguins.csv").write_bytes((ROOT / "examples" / "penguins.csv").read_bytes())
    return folder


@pytest.fixture
def line():
    """Makes a line of results for a unit."""

    def make(unit, figures, **changes):
        own = {"device": "H200, 16 cores", "cores": 16, "label": "now", "git": "abc"}
        return {"kind": unit.kind, "key": dict(unit.key), "figures": figures, **own, **changes}

    return make


@pytest.fixture
def root():
    """The root of the repository."""
    return ROOT
