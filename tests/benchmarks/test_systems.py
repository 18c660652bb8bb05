import sys
from pathlib import Path

import pytest

from benchmarks.systems import ADAPTERS, DEFAULT_SYSTEMS, find_systems

HERE = Path(sys.executable)


def test_every_default_system_has_an_adapter():
    assert {one.partition(":")[0] for one in DEFAULT_SYSTEMS} <= {
        path.stem for path in ADAPTERS.glob("*.py")
    }


def test_ours_and_the_floor_run_in_this_interpreter():
    systems, missing = find_systems(["automl", "floor"])
    assert [(s.id, s.python) for s in systems] == [("automl", HERE), ("floor", HERE)]
    assert missing == {}


def test_a_system_that_is_not_installed_is_named():
    systems, missing = find_systems(["h2o", "automl"], peers_root=Path("/nowhere"))
    assert [s.id for s in systems] == ["automl"]
    assert list(missing) == ["h2o"]
    assert "/nowhere/h2o/bin/python" in missing["h2o"]


def test_an_environment_of_its_own_comes_first(tmp_path):
    python = tmp_path / "flaml" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(HERE)
    ((found,), _) = find_systems(["flaml:catboost"], peers_root=tmp_path)
    assert found.python == python
    assert found.command(["--x"])[-3:] == ["--x", "--variant", "catboost"]
    ((found,), _) = find_systems(["flaml"], {"flaml": HERE}, peers_root=tmp_path)
    assert found.python == HERE


def test_our_own_paths_are_not_handed_to_others(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    python = tmp_path / "python"
    python.symlink_to(HERE)
    (ours, peer), _ = find_systems(["automl", "floor"], {"floor": python})
    assert "/ours" in ours.environment(2, tmp_path)["PYTHONPATH"]
    assert "/ours" not in peer.environment(2, tmp_path)["PYTHONPATH"]
    assert peer.environment(2, tmp_path)["OMP_NUM_THREADS"] == "2"


def test_code_may_be_compiled_once_for_all(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (system,), _ = find_systems(["automl"])
    assert "PYTHONDONTWRITEBYTECODE" not in system.environment(1, tmp_path)


@pytest.mark.parametrize("name", ["nothing", "adapter", "__init__"])
def test_a_name_without_an_adapter_is_refused_with_those_there_are(name):
    with pytest.raises(SystemExit, match="there are autogluon, automl, flaml, floor"):
        find_systems([name])


def test_an_interpreter_that_is_not_there_is_refused():
    with pytest.raises(SystemExit, match="/no/python is no file"):
        find_systems(["h2o"], {"h2o": Path("/no/python")})
