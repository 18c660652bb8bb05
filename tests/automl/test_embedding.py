"""Searches from where there is no module to import again: notebooks, consoles, bare scripts."""

import asyncio
import subprocess
import sys

import pytest

from automl.scheduling.local.launcher import ForkLauncher, SpawnLauncher

CODE = """
import pandas as pd
from sklearn.datasets import load_iris
import automl
import automl.scheduling.local.launcher as launch

launch.start_launcher = launch.{launcher}
print("once", flush=True)
frame = load_iris(as_frame=True).frame
run = automl.search(
    frame, target="target", trials=1, out="run", overrides=["family=[baseline]", "search.folds=2"]
)
print(run.leaderboard().state.tolist(), flush=True)  # the trial and the ensemble
"""
LAUNCHERS = [
    pytest.param(
        ForkLauncher.__name__,
        marks=pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    ),
    SpawnLauncher.__name__,
]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("way", ["script", "stdin", "command"])
def test_code_without_a_guard_runs_once(tmp_path, launcher, way):
    code = CODE.format(launcher=launcher)
    (tmp_path / "script.py").write_text(code)
    arguments = {"script": ["script.py"], "stdin": ["-"], "command": ["-c", code]}[way]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=code if way == "stdin" else "",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["once", "['complete', 'complete']"]


@pytest.mark.slow
def test_a_search_inside_a_running_event_loop_as_in_a_notebook(tmp_path):
    namespace = {}
    out = str(tmp_path / "run")
    code = CODE.format(launcher="start_launcher").replace('"run"', repr(out))

    async def cell():
        exec(code, namespace)
        return namespace["run"].leaderboard().state.tolist()

    assert asyncio.run(cell()) == ["complete"] * 2
