"""Whatever a trial does, a search ends when its time is over and leaves a model."""

import time

import numpy as np
import pandas as pd
import pytest

import automl

NASTY = ["busy_in_c", "sleeps", "deaf", "slow_import", "slow_predict"]


@pytest.mark.slow
@pytest.mark.parametrize("family", NASTY)
@pytest.mark.usefixtures("importable")
def test_a_search_among_fits_that_do_not_end_is_over_by_its_time(tmp_path, size, figure, family):
    budgets, seeds = size([10], [10, 30, 60]), size(1, 3)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["target"] = np.where(frame["a"] + rng.normal(scale=0.5, size=200) > 0, "yes", "no")
    worst, n = 0.0, 0
    for budget_s in budgets:
        for seed in range(seeds):
            begun, events = time.monotonic(), []
            run = automl.search(
                frame,
                target="target",
                time_s=budget_s,
                seed=seed,
                out=tmp_path / f"{budget_s}-{seed}",
                on_event=events.append,
                overrides=(
                    f"family=[good,{family}]",
                    "plugins.modules=[nasty_families,battery_families]",
                    "scheduler.cpus=2",
                    "search.folds=2",
                ),
            )
            took = time.monotonic() - begun
            worst, n = max(worst, took - budget_s), n + 1
            assert events[-1].stopped_by in ("time", "exhausted")  # all that there is was tried
            assert set(run.predict(frame)) == {"yes", "no"}
            states = run.leaderboard().set_index("trial")["state"]
            assert states["good-0"] == "complete"
            assert states[f"{family}-0"] in ("failed", "out_of_time")
    figure(f"{n} of {n} over; at most {worst:+.1f} s beside the budget")


@pytest.mark.usefixtures("importable")
def test_where_nothing_else_fits_the_baseline_predicts_and_that_is_said(tmp_path, figure):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(5_000, 20)), columns=[f"x{i}" for i in range(20)])
    frame["target"] = np.where(frame["x0"] + rng.normal(size=5_000) > 0, "yes", "no")
    events, begun = [], time.monotonic()
    run = automl.search(
        frame,
        target="target",
        time_s=4,
        out=tmp_path / "run",
        on_event=lambda event: events.append((time.monotonic() - begun, event)),
        overrides=(
            "family=[baseline,sleeps,busy_in_c]",
            "plugins.modules=[nasty_families,battery_families]",
            "scheduler.cpus=2",
        ),
    )
    said_s, end = events[-1]
    assert end.notes == (
        "baseline predicts alone: no trial of busy_in_c, sleeps finished in time; "
        "allow more with time_s",
    )
    assert len(run.predict(frame.head())) == 5
    figure(f"said after {said_s:.1f} s of a budget of 4 s")
