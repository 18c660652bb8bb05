"""With a budget of trials nothing but seed and data decides what comes out, to the last bit."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from automl.config.schema import SearchConfig


def outcome(scene):
    return [(t.spec.trial_id, t.spec.params, t.state, t.loss) for t in scene.ledger.trials]


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_params_and_scores_are_those_of_one_worker_for_any_number(
    make_scene, make_family, size, figure, slots
):
    """A fake executor answers in a random order and takes random times."""
    n = size(3, 30)
    for seed in range(n):
        config = SearchConfig(seed=seed)
        families = [make_family("a", 60), make_family("b", 70), make_family("bag", out_of_bag=True)]
        expected = make_scene(families, trials=20, slots=1, config=config)
        expected.search()
        rng = random.Random(seed)
        scene = make_scene(families, trials=20, slots=slots, config=config)
        scene.executor.choose = lambda jobs, rng=rng: rng.randrange(len(jobs))
        scene.executor.seconds = rng.uniform(0.01, 100)
        scene.search()
        assert outcome(scene) == outcome(expected)
        assert scene.incumbent.current.weights == expected.incumbent.current.weights
    figure(f"{n} of {n} searches equal")


def table(kind, rng):
    """A table of one task, with numbers, categories and missing values."""
    n = 150
    x = rng.normal(size=(n, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["colour"] = np.where(x[:, 1] > 0.3, "red", np.where(x[:, 1] < -0.5, "blue", "green"))
    frame.loc[::11, "a"] = np.nan
    value = x[:, 0] + 0.5 * x[:, 1] + rng.normal(scale=0.4, size=n)
    classes = {"binary": 2, "multiclass": 3}
    if kind == "regression":
        frame["target"] = value
    else:
        frame["target"] = [f"k{i}" for i in pd.qcut(value, classes[kind], labels=False)]
    return frame


def kill_at_trial_7(command, out, **options):
    """Runs a command until six trials are over, and kills it."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **options) as process:
        while process.poll() is None and n_over(out) < 6:
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert 6 <= n_over(out) < 8


def n_over(out):
    records = [json.loads(p.read_text()) for p in out.glob("trials/*/trial.json")]
    return sum(record["state"] != "running" for record in records)


def search(data, out, cpus, hash_seed, killed=False):
    """A search as a process of its own; returns all that must be equal."""
    command = [sys.executable, "-m", "automl", "search", str(data), "--target", "target"]
    command += ["--trials", "8", "--seed", "7", "--out", str(out), "-q", "search.folds=3"]
    command += [f"scheduler.cpus={cpus}", "family=[baseline,lightgbm,forest,linear,svm]"]
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    if killed:
        kill_at_trial_7(command, out, env=env, cwd=out.parent)
        command = [sys.executable, "-m", "automl", "resume", str(out), "-q"]
    done = subprocess.run(command, env=env, cwd=out.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = [json.loads(p.read_text()) for p in sorted(out.glob("trials/*/trial.json"))]
    trials = [
        (r["spec"], r["index"], r["state"], r["score"], [f["score"] for f in r["folds"]])
        for r in records
    ]
    files = sorted(out.glob("trials/*/fold-*/oof.npy"))
    digests = [(str(p.relative_to(out)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]
    command = [sys.executable, "-m", "automl", "predict", str(out), str(data)]
    predictions = subprocess.run(command, capture_output=True, check=True).stdout
    assert len(digests) >= 8
    return trials, digests, hashlib.sha256(predictions).hexdigest()


@pytest.mark.slow
def test_real_workers_kills_another_directory_and_another_hash_seed_change_nothing(
    tmp_path, size, figure
):
    ways = [("one", 1, "0"), ("else where/deep", 2, "random", True), ("two", 2, "1")]
    ways = [*ways, ("killed", 3, "0", True), ("more", 3, "99")][: size(2, 5)]
    kinds = ["binary", "multiclass", "regression"][: size(1, 3)]
    for kind in kinds:
        data = tmp_path / f"{kind}.csv"
        table(kind, np.random.default_rng(0)).to_csv(data, index=False)
        found = []
        for folder, *way in ways:
            out = tmp_path / kind / folder
            out.parent.mkdir(parents=True, exist_ok=True)
            found.append(search(data, out, *way))
        assert all(result == found[0] for result in found), kind
    figure(f"{len(ways)} ways equal on {len(kinds)} tables: params, scores, sha256 of predictions")
