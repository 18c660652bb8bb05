"""A plugin of somebody else harms only the runs that use it."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import automl
from automl.events import Note

NOTED = """
import os, pathlib
print("a guest says hello")
with pathlib.Path({path!r}).open("a") as file:
    file.write(f"{{os.getpid()}}\\n")
"""
MEAN = """
from automl.plugin import ModelFamily, Resources, hookimpl

class Family(ModelFamily):
    name = "guest"
    def search_space(self, suggest, problem): return {"x": suggest.suggest_float("x", 0.0, 1.0)}
    def fit(self, params, fold, context, report): return Model()
    def save(self, model, path): (path / "model").write_text("")
    def load(self, path): return Model()

class Model:
    def predict(self, X):
        import numpy as np
        print("a guest predicts")
        return np.zeros(len(X))

@hookimpl
def automl_model_families(): return [Family()]
"""


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    return pd.DataFrame({"x": x, "y": x + rng.normal(size=120)})


@pytest.fixture
def imports(install, tmp_path):
    """Installs a guest that notes the processes that import it; returns who did."""
    path = tmp_path / "imports"
    install("dist-guest", "guest", NOTED.format(path=str(path)) + MEAN)
    return lambda: path.read_text().split() if path.exists() else []


def search(table, out, *overrides, **options):
    options = {"trials": 2, "verbosity": 0, "seed": 0, "target": "y", **options}
    overrides = ("scheduler.cpus=2", "scheduler.threads_per_fit=1", "search.folds=3", *overrides)
    return automl.search(table, out=out, overrides=overrides, **options)


def test_a_run_that_does_not_use_a_guest_never_imports_it(imports, table, tmp_path, capfd):
    run = search(table, tmp_path / "run", "family=[linear]")
    again = automl.load_run(run.path)
    again.predict(table)
    again.leaderboard(table)
    again.rerun("linear-0")
    automl.resume(run.path, trials=3, verbosity=0)
    again.refit()
    assert imports() == []
    assert capfd.readouterr().out == ""


def test_a_guest_that_is_used_is_imported_before_workers_are_forked(imports, table, tmp_path):
    notes = []
    run = search(table, tmp_path / "run", "family=[guest]", on_event=notes.append)
    processes = imports()
    assert processes[0] == str(os.getpid())
    assert len(processes) == 2  # and the parent of the workers
    said = [e.message for e in notes if isinstance(e, Note)]
    assert "plugin 'guest' of dist-guest printed while it was imported: a guest says hello" in said
    assert "a guest says hello" in (run.path / "log.jsonl").read_text()


def test_predictions_on_standard_output_are_predictions_alone(imports, table, tmp_path):
    run = search(table, tmp_path / "run", "family=[guest]")
    table.to_csv(tmp_path / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-m", "automl", "predict", str(run.path), str(tmp_path / "new.csv")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == "prediction"
    assert len(done.stdout.splitlines()) == 1 + len(table)
    assert "plugin 'guest' of dist-guest printed" in done.stderr
    assert "a guest predicts" in done.stderr
