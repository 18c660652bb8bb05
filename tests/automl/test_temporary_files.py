"""What is left among temporary files: nothing, whatever libraries put there."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.scheduling.local.launcher import ForkLauncher, SpawnLauncher
from automl.scheduling.local.temp_folder import make_temporary, remove_temporary, temporary_env

LITTERS = """
    import tempfile
    from pathlib import Path
    from odd_families import Shares
    from automl.plugin import hookimpl

    class Litters(Shares):
        name = "litters"
        def fit(self, params, fold, context, report):
            folder = Path(tempfile.mkdtemp())
            (folder / "library.cache").write_bytes(bytes(10))
            return super().fit(params, fold, context, report)

    @hookimpl
    def automl_model_families(): return [Litters()]
"""
SEARCH = """
import sys, automl
run = automl.search(sys.argv[1], "y", trials=2, out=sys.argv[2], verbosity=0,
    overrides=[sys.argv[3], "search.folds=2", *sys.argv[4:]])
run.predict(sys.argv[1])
"""


@pytest.fixture
def searched(tmp_path):
    """Searches in a process with temporary files of its own; what is left of these."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=120), "y": rng.integers(0, 2, 120)})
    frame.to_csv(tmp_path / "train.csv", index=False)
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def search(*overrides):
        here = str(Path(__file__).parent)
        paths = os.pathsep.join([str(tmp_path), here, *sys.path])
        env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": paths}
        command = [sys.executable, "-c", SEARCH, str(tmp_path / "train.csv"), str(tmp_path / "run")]
        done = subprocess.run([*command, *overrides], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return list(temporary.iterdir())

    return search


def test_what_a_family_leaves_in_temporary_files_goes_with_the_workers(searched, tmp_path):
    (tmp_path / "litters.py").write_text(textwrap.dedent(LITTERS))
    assert searched("family=[litters]", "plugins.modules=[litters]") == []


def test_nets_leave_no_folder_of_their_library_when_they_predict(searched):
    pytest.importorskip("torch")
    assert searched("family=[mlp]") == []


@pytest.mark.parametrize("kind", [ForkLauncher, SpawnLauncher])
def test_a_launcher_removes_its_folder_when_it_closes(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launcher = kind()
    assert len(list(tmp_path.iterdir())) == 1
    launcher.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_a_folder_is_no_reason_to_fail(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    assert make_temporary() is None
    assert temporary_env(None) == {}


def test_no_other_folder_is_removed(tmp_path):
    remove_temporary(tmp_path, {})
    remove_temporary(None, {"AUTOML_WORKERS_TMPDIR": str(tmp_path)})
    assert tmp_path.is_dir()
