"""A search with a family for every kind of misbehaviour completes, and the good one is unmoved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl

HARMLESS = (
    "leaves_children",
    "moves",
    "prints_a_lot",
    "removes_folder",
    "removes_temp",
    "reseeds",
    "returns_twice",
    "threads",
)
NAMED = {
    "eof": ("exception", "EOFError: the file ends in the middle"),
    "exits": ("crash", "the worker exited with status 3"),
    "exits_quietly": ("crash", "the worker exited with status 0"),
    "fails_to_predict": ("exception", "ZeroDivisionError: no row to divide by"),
    "forks_on_and_on": ("exception", "ChildProcessError: too many of them"),
    "interrupt": ("exception", "KeyboardInterrupt"),
    "nan": ("bad_prediction", "NaN or infinite values"),
    "overflows_stack": ("crash", "the worker was killed by SIGSEGV"),
    "raises": ("exception", "ArithmeticError: the matrix is singular"),
    "real_time": ("crash", "the worker was killed by signal"),
    "recurses": ("exception", "RecursionError: maximum recursion depth exceeded"),
    "rubbish": ("crash", "unreadable"),
    "segfaults": ("crash", "the worker was killed by SIGSEGV"),
    "shape": ("bad_prediction", "the prediction has shape"),
    "strings": ("bad_prediction", "not an array of numbers"),
    "system_exit": ("exception", "SystemExit: I am leaving"),
    "unpicklable": ("exception", "Can't pickle"),
}
BEHAVIOURS = sorted((*HARMLESS, *NAMED))


def search(frame, out, families, seed):
    return automl.search(
        frame,
        target="target",
        trials=len(families),
        seed=seed,
        out=out,
        overrides=(
            f"family=[{','.join(families)}]",
            "plugins.modules=[nasty_families,battery_families]",
            "scheduler.cpus=2",
            "scheduler.fit_timeout_s=20",
            "search.folds=3",
        ),
    )


@pytest.mark.usefixtures("importable")
def test_a_search_among_crashes_completes_and_names_them(tmp_path, size, figure, monkeypatch):
    pids = tmp_path / "pids"
    pids.mkdir()
    monkeypatch.setenv("BATTERY_PIDS", str(pids))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["target"] = np.where(frame["a"] + rng.normal(scale=0.5, size=200) > 0, "yes", "no")
    n = size(1, 5)
    for seed in range(n):
        alone = search(frame, tmp_path / f"alone-{seed}", ["good", "paced"], seed)
        among = search(frame, tmp_path / f"zoo-{seed}", ["good", "paced", *BEHAVIOURS], seed)
        calm, rows = (r.leaderboard().set_index("trial") for r in (alone, among))
        assert among.stopped_by == "trials"
        for trial in ("good-0", "paced-0"):
            assert rows.loc[trial, "score"] == calm.loc[trial, "score"]
            assert list(rows.loc[trial, "folds"]) == list(calm.loc[trial, "folds"])
        for family in HARMLESS:  # the same model as the good one, whatever else they do
            assert rows.loc[f"{family}-0", "score"] == rows.loc["good-0", "score"], family
        for family, (kind, message) in NAMED.items():
            assert rows.loc[f"{family}-0", "state"] == "failed", family
            assert kind in rows.loc[f"{family}-0", "error"], family
            assert message in rows.loc[f"{family}-0", "error"], family
        assert set(among.predict(frame)) == {"yes", "no"}
    assert len(list(pids.iterdir())) >= 15 * n
    assert not [p.name for p in pids.iterdir() if Path("/proc", p.name).exists()]
    figure(f"{len(BEHAVIOURS)} behaviours x {n}: all runs complete, causes named, scores unmoved")
