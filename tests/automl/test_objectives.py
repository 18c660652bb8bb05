"""Objectives and limits from a table to a predictor, with real workers and real families."""

import json

import numpy as np
import pandas as pd
import pytest

import automl
from automl.errors import RunError
from automl.events import Note

FAMILIES = ("family=[lightgbm,linear,baseline]", "search.folds=3", "scheduler.cpus=1")


@pytest.fixture(scope="module")
def waves():
    """What no straight line tells apart, so that a line is fast and wrong."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (600, 4))
    y = np.sin(2 * x[:, 0]) * np.cos(x[:, 1]) + 0.3 * x[:, 2] + rng.normal(scale=0.3, size=600) > 0
    return pd.DataFrame(x, columns=list("abcd")).assign(y=y)


@pytest.fixture(scope="module")
def free(waves, tmp_path_factory):
    """A search with two objectives and no limit."""
    out = tmp_path_factory.mktemp("objectives") / "free"
    several = ("search.objectives=[score,predict_ms]", "search.prune_on=score")
    overrides = (*FAMILIES, *several)
    return automl.search(waves, target="y", trials=8, out=out, overrides=overrides)


def test_the_leaderboard_has_a_front_of_the_fast_and_the_good(free):
    board = free.leaderboard().set_index("trial")
    trials = board.drop(index="ensemble")
    complete = trials[trials["state"] == "complete"]
    assert (complete["predict_ms"] > 0).all()
    assert (complete["size_mb"] > 0).all()
    assert trials.loc[complete["score"].idxmax(), "front"]
    assert trials.loc[complete["predict_ms"].idxmin(), "front"]
    assert not trials.loc[trials["state"] != "complete", "front"].any()


def test_the_predictor_was_measured_as_it_was_saved(free):
    ensemble = json.loads((free.path / "ensemble" / "ensemble.json").read_text())
    assert ensemble["predict_ms"] > 0
    assert free.board().ensemble.predict_ms == ensemble["predict_ms"]


def test_a_limit_changes_the_predictor_and_is_kept(free, waves, tmp_path):
    in_workers_ms = sum(member.predict_ms for member in free.board().members)
    # One of the two figures may be of a bad moment.
    limit = 0.25 * min(in_workers_ms, free.board().ensemble.predict_ms)
    notes = []
    run = automl.search(
        waves,
        target="y",
        trials=8,
        out=tmp_path / "limited",
        overrides=FAMILIES,
        settings={"limits.predict_ms": limit},
        on_event=lambda event: notes.append(event) if isinstance(event, Note) else None,
    )
    ensemble = run.board().ensemble
    is_said_to_be_beyond = any("is exceeded" in note.message for note in notes)
    assert (ensemble.predict_ms <= limit) is not is_said_to_be_beyond
    assert {r.trial: r.weight for r in run.board().members} != {
        r.trial: r.weight for r in free.board().members
    }
    assert len(run.predict(waves)) == len(waves)
    assert json.loads((run.path / "manifest.json").read_text())["limits"] == {"predict_ms": limit}


def test_a_limit_of_size_is_kept_to_the_byte(waves, tmp_path):
    overrides = (*FAMILIES, "limits.size_mb=0.1")
    run = automl.search(waves, target="y", trials=5, out=tmp_path / "small", overrides=overrides)
    files = [
        file
        for row in run.board().members
        for file in (run.path / "trials" / row.trial).glob("fold-*/model/**/*")
        if file.is_file()
    ]
    total = sum(file.stat().st_size for file in files)
    assert 0 < total <= 100_000
    assert run.board().ensemble.size_mb == pytest.approx(total / 1e6)


def test_objectives_cannot_change_when_a_run_is_resumed(free, waves):
    with pytest.raises(RunError, match="objectives"):
        automl.search(waves, target="y", trials=9, out=free.path, resume=True, overrides=FAMILIES)
