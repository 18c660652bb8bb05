"""The disk is full at some write: one message, exit status 3, and the run can be gone on with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl

COMMAND = Path(__file__).with_name("full_disk_command.py")
FAMILIES = [str(COMMAND.parent), str(COMMAND.parents[1] / "automl/scheduling")]
TRIALS = 8
N_WRITES = 100
PAGE = 4096

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.usefixtures("importable"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["target"] = np.where(frame["a"] + rng.normal(scale=0.5, size=200) > 0, "yes", "no")
    path = tmp_path_factory.mktemp("data") / "data.csv"
    frame.to_csv(path, index=False)
    return path


def search(data, out, full_from=0):
    """The search, or what is left of it, as a process of its own."""
    words = ["search", str(data), "--target", "target", "--trials", str(TRIALS), "--seed", "3"]
    words += ["--out", str(out), "--resume", "-q", "family=[good,quick]", "search.folds=3"]
    words += ["plugins.modules=[nasty_families,battery_families]", "scheduler.cpus=2"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*FAMILIES, *filter(None, sys.path)])}
    command = [sys.executable, str(COMMAND), str(out), str(full_from), *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def calm(data, tmp_path_factory):
    """The run of a search that nothing disturbs."""
    run = tmp_path_factory.mktemp("calm") / "run"
    assert search(data, run).returncode == 0
    return run


def outcome(run):
    records = [json.loads(p.read_text()) for p in run.glob("trials/*/trial.json")]
    return sorted((r["index"], r["spec"], r["state"], r["score"]) for r in records)


def trials(run):
    return [p.parent.name for p in run.glob("trials/*/trial.json")]


def check_stopped(done, run, data, expected):
    """One message; all that is there can be read; no trial failed that would not have."""
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stderr.count("automl: error:") == 1
    assert "cannot be written: no space is left on its disk (" in done.stderr
    assert "Traceback" not in done.stderr
    if not (run / "manifest.json").exists():
        assert "start it again" in done.stderr
        return
    assert f"automl resume {run}" in done.stderr
    assert not list(run.rglob("*.draft"))
    for log in run.glob("log.jsonl"):
        assert all(json.loads(line)["event"] for line in log.read_text().splitlines())
    opened = automl.load_run(run)
    assert {*opened.leaderboard()["trial"]} - {"ensemble"} == {*trials(run)}
    states = {index: state for index, _, state, _ in expected}
    assert all(state in ("running", states[index]) for index, _, state, _ in outcome(run))
    if (run / "ensemble/ensemble.json").exists():
        assert set(opened.predict(data)) <= {"yes", "no"}


def test_the_disk_is_full_at_the_kth_write(data, calm, tmp_path, size, figure):
    expected, writes = outcome(calm), range(1, N_WRITES + 1, size(90, 1))
    for k in writes:
        run = tmp_path / f"full-{k}"
        check_stopped(search(data, run, full_from=k), run, data, expected)
        again = search(data, run)
        assert again.returncode == 0, again.stderr
        assert outcome(run) == expected, k
    figure(
        f"{len(writes)} of {len(writes)}: one message, exit 3, readable, resumed to the same end"
    )


@pytest.fixture
def small_disk(tmp_path):
    """A disk whose size can be set; gone at the end."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def resize(n_bytes, verb="remount,"):
        options = ["-o", f"{verb}size={n_bytes}", "tmpfs", str(disk)]
        return subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True).returncode

    if os.geteuid() != 0 or resize(PAGE, "") != 0:
        pytest.skip("no disk can be mounted here")
    yield disk, resize
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_is_really_too_small(data, calm, size, figure, small_disk):
    """Workers, models, SQLite and all meet its end, wherever that is."""
    disk, resize = small_disk
    expected = outcome(calm)
    files = [p.stat().st_size for p in calm.rglob("*") if p.is_file()]
    needed = sum(-(-n // PAGE) * PAGE for n in files)
    n = size(1, 40)
    for i in range(n):
        run = disk / f"run-{i}"
        assert resize(int(needed * (0.1 + 0.85 * (i + 0.5) / n))) == 0
        check_stopped(search(data, run), run, data, expected)
        assert resize(needed * 4) == 0
        again = search(data, run)
        assert again.returncode == 0, again.stderr
        assert outcome(run) == expected, i
        subprocess.run(["rm", "-r", str(run)], check=True)
    figure(f"{n} of {n} sizes of a disk up to {needed / 2**20:.1f} MiB: as above")
