"""What a caller sees of a search while it runs, and what a caller's function may do to it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.errors import ConfigError
from automl.events import Progress, SearchStarted, TrialFinished
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.records import read_records
from automl.trial.spec import TrialState

HERE = Path(__file__).parent
QUICK = ("family=[linear,baseline]", "search.folds=2", "scheduler.cpus=1")


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    y = np.where(x + rng.normal(scale=0.5, size=120) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "row_id": np.arange(120) + 1000, "y": y})


def test_a_finished_trial_tells_its_params_and_its_folds(frame, tmp_path):
    events = []
    run = automl.search(
        frame, "y", trials=3, out=tmp_path / "run", overrides=QUICK, on_event=events.append
    )
    finished = {e.trial: e for e in events if isinstance(e, TrialFinished)}
    assert len(finished) == 3
    for record in read_records(RunDir(run.path)):
        event = finished[record.trial_id]
        assert event.params == record.spec.params
        assert event.folds == {f.fold: f.final_score for f in record.folds}
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    logged = [e for e in map(json.loads, lines) if e["event"] == "TrialFinished"]
    assert all("params" in e and len(e["folds"]) == 2 for e in logged)


def test_an_error_of_the_callers_function_ends_the_search_and_leaves_a_run(frame, tmp_path):
    out, seen = tmp_path / "run", []

    def on_event(event):
        seen.append(event)
        if isinstance(event, TrialFinished) and event.state == "complete":
            raise LookupError("no such dashboard")

    with pytest.raises(LookupError, match="no such dashboard") as caught:
        automl.search(frame, "y", trials=40, out=out, overrides=QUICK, on_event=on_event)
    assert f"automl.resume({str(out)!r})" in "".join(caught.value.__notes__)
    assert isinstance(seen[-1], TrialFinished)  # it is called no more
    lock = RunLock(RunDir(out))
    lock.acquire()  # nobody else is at it
    lock.release()
    run = automl.load_run(out)
    assert run.stopped_by == "interrupt"
    assert len(run.predict(frame)) == 120
    assert len(read_records(RunDir(out))) < 40
    again = automl.resume(out, trials=3, verbosity=0)
    assert len(again.predict(frame)) == 120


def test_a_search_that_the_callers_function_ends_at_once_has_no_predictor_and_can_be_resumed(
    frame, tmp_path
):
    def on_event(event):
        raise ZeroDivisionError("at the very first event")

    with pytest.raises(ZeroDivisionError):
        automl.search(
            frame,
            "y",
            trials=2,
            out=tmp_path / "run",
            overrides=("family=[linear]", *QUICK[1:]),
            on_event=on_event,
        )
    run = automl.resume(tmp_path / "run", verbosity=0)
    assert run.stopped_by == "trials"


def test_an_exit_in_the_callers_function_stops_at_once_and_the_run_goes_on_later(frame, tmp_path):
    def on_event(event):
        if isinstance(event, Progress):
            raise SystemExit(5)

    with pytest.raises(SystemExit):
        automl.search(
            frame, "y", trials=3, out=tmp_path / "run", overrides=QUICK, on_event=on_event
        )
    run = automl.resume(tmp_path / "run", verbosity=0)
    assert run.stopped_by == "trials"


@pytest.mark.parametrize("family", ["removes", "removes_saved", "removes_model"])
def test_a_family_that_removes_its_own_files_fails_alone(frame, tmp_path, monkeypatch, family):
    monkeypatch.syspath_prepend(str(HERE))
    odd = ("plugins.modules=[odd_families]", f"family=[{family},shares]", "search.folds=3")
    run = automl.search(
        frame,
        "y",
        trials=4,
        out=tmp_path / "run",
        overrides=(*odd, "scheduler.cpus=2"),
        verbosity=0,
    )
    records = read_records(RunDir(run.path))
    states = {(r.spec.family, r.state) for r in records}
    assert states == {(family, TrialState.FAILED), ("shares", TrialState.COMPLETE)}
    errors = [r.error for r in records if r.state is TrialState.FAILED]
    assert {e.kind for e in errors} == {"lost_files"}
    assert all("removed the folder of its own trial" in e.message for e in errors)
    assert len(run.predict(frame)) == 120


def test_notes_are_written_where_nobody_looks_at_a_terminal_and_nothing_else(
    frame, tmp_path, capsys
):
    automl.search(frame, "y", trials=2, out=tmp_path / "run", overrides=QUICK)
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert all(line.startswith("automl: ") for line in lines)
    assert any("'row_id'" in line for line in lines)
    assert "trials in" not in shown.err


def test_nothing_is_written_where_nothing_is_wanted(frame, tmp_path, capsys):
    automl.search(frame, "y", trials=2, out=tmp_path / "run", overrides=QUICK, verbosity=0)
    automl.resume(tmp_path / "run", trials=3, verbosity=0)
    assert capsys.readouterr() == ("", "")


def test_an_unknown_verbosity_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="verbosity=3"):
        automl.search(tmp_path / "none.csv", out=tmp_path / "run", verbosity=3)


def test_the_callers_function_is_called_whatever_is_shown(frame, tmp_path, capsys):
    events = []
    automl.search(
        frame, "y", trials=2, out=tmp_path / "run", overrides=QUICK, on_event=events.append
    )
    assert isinstance(events[0], SearchStarted)
    assert "'row_id'" in capsys.readouterr().err
