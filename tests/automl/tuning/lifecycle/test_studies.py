"""The trials of a run as Optuna studies."""

import subprocess
import sys
from datetime import datetime

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from automl.errors import RunError, StorageError, UserError
from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState
from automl.tuning.lifecycle.studies import write_studies

SPACE = {
    "rate": ["float", 0.01, 1.0, True],
    "depth": ["int", 1, 9, False],
    "kind": ["categorical", "plain", "dropout"],
    "seed": ["fixed", 7],
}
PARAMS = {"rate": 0.1, "depth": 3, "kind": "plain", "seed": 7}
STEPS = ((10, 0.6), (20, 0.7))


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path / "a run")
    run.path.mkdir()
    facts = {
        "started": "2026-01-02T03:04:05+00:00",
        "data": {"fingerprint": "f"},
        "metric": {"name": "roc_auc", "greater_is_better": True},
        "split": {"kind": "stratified"},
        "objectives": ["score"],
        "limits": {},
        "families": {"tree": {"space": SPACE}, "none": {"space": {}}},
    }
    write_json(run.manifest, facts)
    return run


def change(run, **facts):
    write_json(run.manifest, {**read_json(run.manifest), **facts})


@pytest.fixture
def add(run):
    """add(state, ...): one more trial of a family on record."""
    n = {}

    def add(state=TrialState.COMPLETE, params=PARAMS, family="tree", folds=(0.7, 0.9), **fields):
        number = n[family] = n.get(family, -1) + 1
        results = tuple(
            FoldResult(i, score, 2.0, 0.5, predict_ms=3.0, model_mib=1.0, steps=STEPS)
            for i, score in enumerate(folds)
        )
        score = 0.8 if state is TrialState.COMPLETE else None
        spec = TrialSpec(family, number, dict(params))
        index = sum(n.values()) + len(n) - 1
        write_record(run, TrialRecord(spec, index, state, results, **{"score": score, **fields}))

    return add


def read(run, family="tree", url=None):
    storage = url or JournalStorage(JournalFileBackend(str(run.studies)))
    return optuna.load_study(study_name=f"{run.path.name}/{family}", storage=storage)


def test_each_family_is_a_study_and_each_record_a_trial(run, add):
    add(started_s=1.0, finished_s=3.5)
    add(family="none", params={})
    assert write_studies(run) == ["a run/tree", "a run/none"]
    study = read(run)
    (trial,) = study.trials
    assert study.direction.name == "MAXIMIZE"
    assert study.metric_names == ["roc_auc"]
    assert (trial.state.name, trial.value) == ("COMPLETE", 0.8)
    assert trial.params == {"rate": 0.1, "depth": 3, "kind": "plain"}
    assert trial.distributions == {
        "rate": FloatDistribution(0.01, 1.0, log=True),
        "depth": IntDistribution(1, 9),
        "kind": CategoricalDistribution(["plain", "dropout"]),
    }
    assert trial.intermediate_values == dict(STEPS)
    assert trial.user_attrs == {
        "family": "tree",
        "trial": "tree-0",
        "state": "complete",
        "source": "portfolio",
        "fold_scores": {"0": 0.7, "1": 0.9},
        "fit_s": 4.0,
        "predict_s": 1.0,
        "params outside the space": {"seed": 7},
    }
    began = datetime.fromisoformat("2026-01-02T03:04:05+00:00").timestamp()
    assert trial.datetime_start.timestamp() == began + 1.0
    assert trial.datetime_complete.timestamp() == began + 3.5
    assert [t.params for t in read(run, "none").trials] == [{}]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("running", "RUNNING"), ("pruned", "PRUNED"), ("failed", "FAIL"), ("out_of_time", "FAIL")],
)
def test_a_trial_without_a_score_has_its_state_and_its_reason(run, add, state, expected):
    error = None if state == "running" else TrialError("held", "deferred")
    add(TrialState(state), folds=(), error=error, cut_steps=((1, 0.5),))
    write_studies(run)
    (trial,) = read(run).trials
    assert (trial.state.name, trial.values) == (expected, None)
    assert trial.user_attrs["state"] == state
    assert trial.user_attrs.get("error") == (error and "held: deferred")
    assert trial.intermediate_values == {1: 0.5}


def test_values_outside_the_space_widen_it(run, add):
    add()
    add(params={"rate": 5.0, "depth": 20, "kind": "boosted"})
    add(params={"rate": 0.0, "depth": 2.5, "kind": [64, 32]})
    write_studies(run)
    study = read(run)
    assert study.trials[0].distributions == {
        "rate": FloatDistribution(0.0, 5.0),
        "depth": FloatDistribution(1, 20),
        "kind": CategoricalDistribution(["plain", "dropout", "boosted", "[64, 32]"]),
    }
    assert study.trials[2].params["kind"] == "[64, 32]"


def test_objectives_and_limits_are_values_and_constraints(run, add):
    change(run, objectives=["score", "size_mb"], limits={"predict_ms": 12.0})
    add()
    write_studies(run)
    study = read(run)
    (trial,) = study.trials
    assert [d.name for d in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["roc_auc", "size_mb"]
    assert trial.values == [0.8, pytest.approx(2 * 2**20 / 1e6)]
    assert trial.constraints == {"predict_ms": -0.5}


def test_a_sampler_goes_on_from_a_study(run, add):
    for rate in (0.1, 0.2, 0.4):
        add(params={**PARAMS, "rate": rate})
    write_studies(run)
    study = read(run)
    study.sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=1)
    asked = study.ask(study.trials[0].distributions)
    assert set(asked.params) == {"rate", "depth", "kind"}


def test_studies_are_written_again_while_a_search_goes_on(run, add):
    add(TrialState.RUNNING, folds=())
    write_studies(run)
    add()
    write_studies(run)
    assert [t.state.name for t in read(run).trials] == ["RUNNING", "COMPLETE"]


def test_a_database_holds_the_studies_of_several_runs_and_replaces_those_of_one(run, add, tmp_path):
    url = f"sqlite:///{tmp_path / 'all.db'}"
    other = optuna.create_study(study_name="mine", storage=url)
    other.add_trial(optuna.trial.create_trial(value=1.0))
    add()
    write_studies(run, url)
    add()
    assert write_studies(run, url) == ["a run/tree"]
    assert len(read(run, url=url).trials) == 2
    assert sorted(optuna.study.get_all_study_names(url)) == ["a run/tree", "mine"]
    assert not run.studies.exists()


def test_a_study_of_another_run_of_the_same_name_is_left_alone(run, add, tmp_path):
    url = f"sqlite:///{tmp_path / 'all.db'}"
    add()
    write_studies(run, url)
    change(run, started="2026-02-02T03:04:05+00:00")
    with pytest.raises(UserError, match=r"all\.db has a study 'a run/tree' that is not from"):
        write_studies(run, url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("all.db", "'all.db' is not the URL of a database: write sqlite:///FILE.db"),
        ("sqlite:////no/such/folder/x.db", "unable to open database file"),
        ("nosuch://me:secret@host/x", "nosuch"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(run, add, url, says):
    add()
    with pytest.raises(UserError) as error:
        write_studies(run, url)
    assert says in str(error.value)
    assert "secret" not in str(error.value)


def test_a_manifest_without_a_family_is_damaged(run, add):
    add(family="lost")
    with pytest.raises(RunError, match=r"manifest\.json is damaged: KeyError\('lost'\)"):
        write_studies(run)


def test_a_full_disk_is_named(run, add, monkeypatch):
    def full(path, write):
        raise StorageError(f"{path} cannot be written")

    add()
    monkeypatch.setattr("automl.tuning.lifecycle.studies.write_atomic", full)
    with pytest.raises(StorageError, match=r"studies\.journal"):
        write_studies(run)


def test_the_file_is_written_once_however_many_trials_there_are(run, add, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", synced.append)
    for _ in range(20):
        add()
    synced.clear()
    write_studies(run)
    assert len(synced) == 1


def test_the_package_imports_neither_optuna_nor_a_database_before_it_is_needed():
    code = (
        "import sys, automl.tuning.lifecycle.studies; "
        "print({'optuna', 'sqlalchemy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_optuna_logs_as_before(run, add):
    add()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    try:
        write_studies(run)
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(before)
