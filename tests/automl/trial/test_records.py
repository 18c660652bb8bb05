import dataclasses
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.errors import RunError
from automl.store import RunDir
from automl.trial.records import (
    canonical_params,
    find_record,
    read_record,
    read_records,
    write_record,
)
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), number, text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=6,
)
specs = st.builds(
    TrialSpec,
    family=st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
    number=st.integers(0, 10**6),
    params=st.dictionaries(text, json_value, max_size=4),
    source=st.sampled_from(["portfolio", "sampler"]),
)
folds = st.builds(
    FoldResult,
    fold=st.integers(-1, 20),
    score=number,
    fit_s=number,
    predict_s=number,
    steps=st.lists(st.tuples(st.integers(0, 10**6), number), max_size=4).map(tuple),
)
errors = st.builds(
    TrialError, kind=st.sampled_from(["exception", "timeout"]), message=text, traceback=text
)
records = st.builds(
    TrialRecord,
    spec=specs,
    index=st.integers(0, 10**6),
    state=st.sampled_from(list(TrialState)),
    folds=st.lists(folds, max_size=3).map(tuple),
    score=st.none() | number,
    score_se=st.none() | number,
    interval=st.none() | st.tuples(number, number),
    error=st.none() | errors,
    started_s=number,
    finished_s=st.none() | number,
)


@given(records)
@settings(max_examples=60, deadline=None)
def test_a_record_comes_back_exactly(record):
    with TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        write_record(run, record)
        assert read_record(run, record.trial_id) == record


def record_of(family="svm", number=0, index=0):
    return TrialRecord(TrialSpec(family, number, {"c": 1.0}), index, TrialState.RUNNING)


def test_the_record_of_a_trial_is_replaced_by_a_newer_one(tmp_path):
    run, record = RunDir(tmp_path), record_of()
    write_record(run, record)
    write_record(run, dataclasses.replace(record, state=TrialState.COMPLETE, score=0.5))
    assert read_record(run, "svm-0").state is TrialState.COMPLETE


def test_records_come_in_the_order_of_proposal(tmp_path):
    run = RunDir(tmp_path)
    for record in (record_of("svm", 10, 2), record_of("svm", 9, 1), record_of("tree", 0, 0)):
        write_record(run, record)
    assert [r.trial_id for r in read_records(run)] == ["tree-0", "svm-9", "svm-10"]


def test_a_run_without_trials_has_no_records(tmp_path):
    assert read_records(RunDir(tmp_path)) == []


def test_a_trial_folder_without_a_record_is_not_a_trial_yet(tmp_path):
    run = RunDir(tmp_path)
    run.fold("svm-0", 0).mkdir(parents=True)
    assert read_records(run) == []


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(RunError, match=r"svm-0.trial\.json is missing"):
        read_record(RunDir(tmp_path), "svm-0")


def damage(change):
    def spoil(path):
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("[1, 2]"),
        lambda path: path.write_text("null"),
        damage(lambda v: v.pop("spec")),
        damage(lambda v: v.pop("index")),
        damage(lambda v: v.update(state="excellent")),
        damage(lambda v: v.update(unknown=1)),
        damage(lambda v: v.update(folds=[{"fold": 0}])),
        damage(lambda v: v.update(error="it failed")),
    ],
)
def test_a_damaged_record_is_named(tmp_path, spoil):
    run = RunDir(tmp_path)
    write_record(run, record_of())
    spoil(run.trial("svm-0") / "trial.json")
    with pytest.raises(RunError, match=r"svm-0.trial\.json is damaged"):
        read_records(run)


def test_equal_params_have_equal_text_whatever_their_order():
    assert canonical_params({"a": 1, "b": None}) == canonical_params({"b": None, "a": 1})
    assert canonical_params({"a": 1}) != canonical_params({"a": 2})


def test_times_of_a_record_are_sums_over_its_folds():
    results = tuple(FoldResult(f, 0.5, fit_s=2.0, predict_s=0.25) for f in range(3))
    record = dataclasses.replace(record_of(), folds=results)
    assert (record.fit_s, record.predict_s) == (6.0, 0.75)


def test_a_trial_that_is_named_wrongly_is_refused_with_the_nearest(tmp_path):
    run = RunDir(tmp_path)
    record = TrialRecord(TrialSpec("lightgbm", 0, {}), 0, TrialState.RUNNING)
    write_record(run, record)
    assert find_record(run, "lightgbm-0") == record
    with pytest.raises(RunError, match=r"has no trial 'lightgmb-0'; did you mean 'lightgbm-0'"):
        find_record(run, "lightgmb-0")
    with pytest.raises(RunError, match="see `automl leaderboard`"):
        find_record(run, "../data")
