"""A distribution that is not ours is installed, found, searched with and tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party"


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The variables of a process that sees the example as installed; needs no network."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(site), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"}


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A small CSV with a number and a category that tell three classes apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    colours = np.array(["red", "green", "blue"])[np.where(rng.random(240) < 0.8, y, 0)]
    sizes = y + rng.normal(scale=0.4, size=240)
    lines = [f"{s:.4f},{c},kind {k}" for s, c, k in zip(sizes, colours, y, strict=True)]
    path = tmp_path_factory.mktemp("data") / "table.csv"
    path.write_text("\n".join(["size,colour,target", *lines]) + "\n", encoding="utf-8")
    return path


def automl(environment, *words):
    command = [sys.executable, "-m", "automl", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_installed_distribution_is_listed(environment):
    done = automl(environment, "plugins")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "naive_bayes" in line]
    assert "automl-naive-bayes" in line


def test_without_the_distribution_the_family_is_unknown():
    done = automl({**os.environ, "COLUMNS": "200"}, "plugins")
    assert done.returncode == 0, done.stderr
    assert "naive_bayes" not in done.stdout


def test_its_config_group_is_composed(environment, table):
    done = automl(environment, "search", table, "--cfg")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "max_smoothing" in line]
    assert "0.1" in line
    assert "automl-naive-bayes" in line


@pytest.mark.slow
def test_a_search_with_a_setting_of_its_own_ends_with_its_row(environment, table, tmp_path):
    run = tmp_path / "run"
    words = ["search", table, "--target", "target", "--trials", "2", "--seed", "0", "--out", run]
    words += ["family=[naive_bayes]", "model.naive_bayes.max_smoothing=0.004", "search.folds=3"]
    done = automl(environment, *words)
    assert done.returncode == 0, done.stderr
    board = automl(environment, "leaderboard", run, "--format", "json")
    assert board.returncode == 0, board.stderr
    rows = json.loads(board.stdout)
    trials = [row for row in rows if row["family"] == "naive_bayes"]
    assert [row["state"] for row in trials] == ["complete", "complete"]
    assert all(row["score"] is not None for row in trials)
    records = [json.loads(p.read_text()) for p in sorted((run / "trials").glob("*/trial.json"))]
    # The setting decided both points of the portfolio.
    smoothing = sorted(record["spec"]["params"]["smoothing"] for record in records)
    assert smoothing == pytest.approx([0.004 / 100, 0.004])


@pytest.mark.slow
def test_a_setting_it_does_not_have_is_refused(environment, table, tmp_path):
    done = automl(
        environment, "search", table, "--out", tmp_path / "run", "model.naive_bayes.max_smothing=1"
    )
    assert done.returncode == 2
    assert "max_smoothing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_its_own_tests_pass(environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=EXAMPLE
    )
    assert done.returncode == 0, done.stdout + done.stderr
