import os
import random
import subprocess
import sys
import threading
import types
import warnings

import numpy as np
import pandas as pd
import pytest

import automl
from automl.process_state import process_untouched

PREDICT = """
import os, random, sys, warnings
import numpy as np
import pandas as pd
import automl

random.seed(5); np.random.seed(5)
frame = pd.read_csv(sys.argv[2])
def state():
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tobytes(),
        "environ": dict(os.environ),
        "filters": list(warnings.filters),
        "path": list(sys.path),
        "folder": os.getcwd(),
    }
before = state()
run = automl.load_run(sys.argv[1])
run.predict(frame), run.leaderboard(frame), run.trial_predictions(frame)
assert {"lightgbm", "sklearn"} <= sys.modules.keys()
print([name for name, was in state().items() if was != before[name]])
"""


def test_predicting_in_a_new_process_leaves_it_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100), "y": rng.integers(0, 2, 100)})
    frame.to_csv(tmp_path / "train.csv", index=False)
    automl.search(
        frame,
        "y",
        trials=3,
        out=tmp_path / "run",
        overrides=("family=[linear,lightgbm,forest]", "search.folds=2"),
        verbosity=0,
    )
    command = [sys.executable, "-c", PREDICT, str(tmp_path / "run"), str(tmp_path / "train.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "[]\n", done.stderr


@pytest.fixture
def meddling(monkeypatch):
    """Does what libraries do while they are imported."""

    def meddle(imports):
        random.random()
        np.random.random()
        monkeypatch.setenv("AUTOML_TEST_A", "changed")
        os.environ["AUTOML_TEST_B"] = "new"
        warnings.simplefilter("ignore", ResourceWarning)
        if imports:
            monkeypatch.setitem(sys.modules, "a_new_library", types.ModuleType("a_new_library"))

    monkeypatch.setenv("AUTOML_TEST_A", "own")
    monkeypatch.delenv("AUTOML_TEST_B", raising=False)
    with warnings.catch_warnings():
        yield meddle
    os.environ.pop("AUTOML_TEST_B", None)


def state():
    env = {name: value for name, value in os.environ.items() if "AUTOML_TEST" in name}
    numbers = (random.getstate(), np.random.get_state()[2])
    return numbers, env, list(warnings.filters)


def test_what_an_import_changes_is_put_back(meddling):
    before = state()
    with process_untouched():
        meddling(imports=True)
    assert state() == before


def test_it_is_put_back_after_an_error_too(meddling):
    @process_untouched()
    def fails():
        meddling(imports=True)
        raise KeyError

    before = state()
    with pytest.raises(KeyError):
        fails()
    assert state() == before


def test_where_nothing_is_imported_other_threads_may_change_what_they_like(meddling):
    with process_untouched():
        meddling(imports=False)
    assert os.environ["AUTOML_TEST_B"] == "new"


def test_another_thread_does_not_have_the_main_one_draw_numbers_twice(meddling):
    drawn = []

    def work():
        with process_untouched():
            drawn.append(random.random())
            meddling(imports=True)

    numbers, env, filters = state()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert random.getstate() != numbers[0]
    assert random.random() not in drawn
    assert state()[1:] == (env, filters)
