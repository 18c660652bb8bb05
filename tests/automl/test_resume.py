"""A real run that is resumed: what is refused, and with what words."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.config.saved import load_config, save_config
from automl.errors import ConfigError, RunError
from automl.events import Note, SearchFinished, TrialStarted
from automl.store.files import read_json, write_json
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir

OVERRIDES = ("family=[baseline,linear]", "search.folds=2", "scheduler.cpus=1")


def table(n=80, shift=0.0):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    frame["c"] = np.where(rng.random(n) < 0.5, "red", "blue")
    frame["y"] = np.where(frame["a"] + rng.normal(scale=0.5, size=n) > 0, "yes", "no")
    frame["a"] += shift
    return frame


def search(out, data=None, trials=4, overrides=OVERRIDES, **options):
    frame = table() if data is None else data
    options = {"target": "y", "trials": trials, "overrides": overrides, **options}
    return automl.search(frame, out=out, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return search(tmp_path_factory.mktemp("resumed") / "run").path


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a run of four trials that is over."""
    return RunDir(Path(shutil.copytree(finished, tmp_path / "run")))


def test_more_trials_are_added_to_those_there_are(run):
    before = {p: p.read_bytes() for p in run.trials.glob("*/trial.json")}
    events = []
    again = automl.resume(run.path, trials=6, on_event=events.append)
    assert len(again.leaderboard().query("trial != 'ensemble'")) == 6
    assert all(p.read_bytes() == text for p, text in before.items())
    assert sum(isinstance(e, TrialStarted) for e in events) == 2
    manifest = read_json(run.manifest)
    assert (manifest["status"], manifest["budget"]["trials"]) == ("finished", 6)


@pytest.mark.parametrize("began", [True, False])
def test_a_run_stays_deterministic_or_not_whatever_budget_it_is_given_later(run, began):
    manifest = read_json(run.manifest)
    assert manifest.pop("deterministic") is True
    budget = manifest["budget"] if began else {"time_s": 600.0, "trials": None}
    write_json(run.manifest, manifest | {"budget": budget})
    automl.resume(run.path, trials=5)
    automl.resume(run.path, trials=6)
    assert read_json(run.manifest)["deterministic"] is began
    assert read_json(run.manifest)["budget"]["trials"] == 6


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"trials": 0}, r"trials=0: expected an integer of at least 1"),
        ({"trials": "9"}, r"trials='9': expected an integer of at least 1"),
        ({"time_s": -5.0}, r"time_s=-5.0: expected a number above 0"),
        ({"time_s": "soon"}, r"time_s: 'soon' is not a valid duration"),
    ],
)
def test_a_budget_that_does_not_fit_is_refused_and_the_run_stays(run, budget, said):
    before = files_of(run)
    with pytest.raises(ConfigError, match=said):
        automl.resume(run.path, **budget)
    assert files_of(run) == before


def test_a_run_that_is_over_says_that_budgets_are_totals(run):
    events = []
    automl.resume(run.path, on_event=events.append)
    notes = [e.message for e in events if isinstance(e, Note)]
    assert any("4 trials finished, 0 unfinished" in n and "are totals" in n for n in notes)


def test_a_run_that_stopped_early_has_nothing_to_do(run):
    config = load_config(run.config)
    config.time_s, config.trials, config.search.stop_early = 1e6, None, True
    save_config(config, run.config)
    manifest = read_json(run.manifest) | {"budget": {"time_s": 1e6, "trials": None}}
    write_json(run.manifest, manifest | {"stopped_by": "no more gains", "deterministic": False})
    before, events = files_of(run), []
    automl.resume(run.path, on_event=events.append)
    notes = [e.message for e in events if isinstance(e, Note)]
    assert files_of(run) == before
    assert any("as it gained nothing" in n for n in notes)


def files_of(run):
    return {
        p.relative_to(run.path): p.read_bytes()
        for p in run.path.rglob("*")
        if p.is_file() and p not in (run.log, run.lock)
    }


@pytest.mark.parametrize("again", ["resume", "search", "fewer"])
def test_a_run_that_is_over_is_left_as_it_is_and_logs_one_line(run, again):
    before, log = files_of(run), run.log.read_text().splitlines()
    events = []
    if again == "search":
        search(run.path, resume=True, on_event=events.append)
    else:
        automl.resume(run.path, trials=3 if again == "fewer" else None, on_event=events.append)
    assert files_of(run) == before
    assert [type(e) for e in events] == [Note, SearchFinished]
    assert events[1].elapsed_s == read_json(run.manifest)["elapsed_s"]
    assert (events[1].stopped_by, events[1].n_complete) == ("trials", 4)
    assert len(run.log.read_text().splitlines()) == len(log) + 1


@pytest.mark.parametrize("time_s", [None, 3.0])
def test_time_that_is_used_up_is_not_spent_again(run, time_s):
    config = load_config(run.config)
    config.time_s, config.trials = 60.0, None
    save_config(config, run.config)
    manifest = {**read_json(run.manifest), "stopped_by": "time", "elapsed_s": 57.0}
    write_json(run.manifest, manifest)
    record = read_json(run.trials / "linear-0" / "trial.json")
    record |= {"state": "pruned", "error": {"kind": "out_of_time", "message": "", "fold": 0}}
    write_json(run.trials / "linear-0" / "trial.json", record)
    before = files_of(run)
    automl.resume(run.path, time_s=time_s)
    assert files_of(run) == before


def ends(run, **options):
    events = []
    automl.resume(run.path, on_event=events.append, **options)
    return [type(e) for e in events] == [Note, SearchFinished]


def cut(run):
    """As if the user had stopped it during the last trial."""
    path = run.trials / "linear-2" / "trial.json"
    record = read_json(path)
    record |= {"state": "pruned", "error": {"kind": "interrupted", "message": "", "fold": 0}}
    write_json(path, record | {"score": None, "folds": []})
    write_json(run.manifest, {**read_json(run.manifest), "stopped_by": "interrupt"})


@pytest.mark.parametrize(
    "change",
    [
        cut,
        lambda run: write_json(run.manifest, {**read_json(run.manifest), "status": "running"}),
        lambda run: (run.ensemble / "ensemble.json").write_text("{"),
        lambda run: run.leaderboard.unlink(),
    ],
    ids=["cut", "killed", "torn ensemble", "no leaderboard"],
)
def test_a_run_with_something_left_to_do_goes_on(run, change):
    change(run)
    assert not ends(run)
    assert ends(run)


def test_settings_that_were_changed_are_applied(run):
    events = []
    overrides = (*OVERRIDES, "ensemble.enabled=false")
    search(run.path, resume=True, overrides=overrides, on_event=events.append)
    assert not load_config(run.config).ensemble.enabled
    assert len(events) > 2


def test_the_same_search_again_needs_to_be_told_to_resume(run):
    with pytest.raises(RunError, match=f"automl resume {run.path}"):
        search(run.path)
    assert search(run.path, resume=True).stopped_by == "trials"


def test_a_family_may_come_in_addition(run):
    overrides = ("family=[baseline,linear,knn]", *OVERRIDES[1:])
    again = search(run.path, trials=6, overrides=overrides, resume=True)
    assert "knn-0" in set(again.leaderboard()["trial"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"data": table(shift=1.0)}, "other values in the same columns"),
        ({"data": table(60)}, "rows: 80 -> 60"),
        ({"data": table().rename(columns={"b": "z"})}, "column 'z': none -> numeric"),
        ({"metric": "accuracy"}, "metric: roc_auc -> accuracy"),
        ({"seed": 9}, "seed: 0 -> 9"),
        ({"overrides": (*OVERRIDES, "search.folds=3")}, "search.folds: 2 -> 3"),
        ({"time_column": "a", "gap": 3}, r"\n  gap: null -> 3"),
        ({"overrides": (*OVERRIDES, "model.linear.fixed.C=1.0")}, "family linear: C: .*fixed"),
        ({"overrides": (*OVERRIDES, "family=[baseline]")}, "linear: searched -> not selected"),
    ],
)
def test_what_must_not_change_is_refused_with_old_and_new(run, change, says):
    before = run.config.read_bytes(), run.manifest.read_bytes()
    with pytest.raises(RunError, match=f"(?s)cannot be resumed.*{says}"):
        search(run.path, resume=True, **change)
    assert (run.config.read_bytes(), run.manifest.read_bytes()) == before


def test_resume_needs_a_directory():
    with pytest.raises(ConfigError, match="resume needs out"):
        search(None, resume=True)


def test_a_search_that_was_killed_before_it_had_begun_is_begun_again(tmp_path):
    run = RunDir(tmp_path / "run")
    run.trials.mkdir(parents=True)
    run.lock.write_text("1")
    with pytest.raises(RunError, match=r"killed before it began\. Start it again"):
        automl.resume(run.path)
    assert search(run.path, trials=2).stopped_by == "trials"


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_a_run_in_use_is_refused_by_all_ways(run):
    lock = RunLock(run)
    lock.acquire()
    try:
        for again in (
            lambda: automl.resume(run.path),
            lambda: search(run.path),
            lambda: search(run.path, resume=True),
        ):
            with pytest.raises(RunError, match="in use by the search with process id"):
                again()
    finally:
        lock.release()


FILES = [
    "manifest.json",
    "config.yaml",
    "data/schema.json",
    "data/table.arrow",
    "data/y.npy",
    "split/plan.json",
    "split/indices.npy",
    "trials/linear-0/trial.json",
]


@pytest.mark.parametrize("keep", [0.0, 0.6])
@pytest.mark.parametrize("name", FILES)
def test_a_torn_file_is_named(run, name, keep):
    path = run.path / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(RunError, match=path.name):
        automl.resume(run.path, trials=5)


@pytest.mark.parametrize("name", FILES)
def test_a_garbled_file_is_told(run, name):
    path = run.path / name
    whole = bytearray(path.read_bytes())
    middle = slice(len(whole) // 3, len(whole) // 3 + max(16, len(whole) // 8))
    whole[middle] = bytes(b ^ 0xA5 for b in whole[middle])
    path.write_bytes(whole)
    with pytest.raises(RunError, match=f"{path.name}|fingerprint of the data"):
        automl.resume(run.path, trials=5)


@pytest.mark.parametrize("place", [0, 20, -8], ids=["magic", "header", "values"])
def test_predictions_that_are_not_what_was_written_are_fitted_again(run, place):
    path = run.oof("linear-0", 1)
    whole = bytearray(path.read_bytes())
    before = bytes(whole)
    whole[place] ^= 0xA5
    path.write_bytes(whole)
    events = []
    automl.resume(run.path, on_event=events.append)
    notes = [e.message for e in events if isinstance(e, Note)]
    assert any("linear-0/fold-1 is fitted again" in n and str(path) in n for n in notes)
    assert path.read_bytes() == before


def test_a_missing_fact_of_the_manifest_is_damage(run):
    manifest = read_json(run.manifest)
    del manifest["split"]
    write_json(run.manifest, manifest)
    with pytest.raises(RunError, match=r"manifest\.json is damaged"):
        automl.resume(run.path)


def test_the_studies_are_written_again_and_an_old_study_is_left_as_it_is(run):
    run.studies.unlink()
    (run.path / "study.db").write_bytes(b"of an older version")
    assert automl.resume(run.path, trials=6).stopped_by == "trials"
    assert run.studies.is_file()
    assert (run.path / "study.db").read_bytes() == b"of an older version"
