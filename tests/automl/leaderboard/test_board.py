from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.errors import RunError
from automl.leaderboard import HeldOutScores, read_board, render
from automl.leaderboard.row import COLUMNS
from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir
from automl.trial.records import write_record
from automl.trial.spec import FoldResult, TrialError, TrialRecord, TrialSpec, TrialState


def test_the_ensemble_is_on_top_then_complete_trials_then_the_others(mixed_run: RunDir):
    board = read_board(mixed_run)
    names = ["ensemble", "svm-0", "lightgbm-0", "forest-0", "lightgbm-1", "mlp-0", "mlp-1", "mlp-2"]
    assert [row.trial for row in board.rows] == names
    assert [row.rank for row in board.rows] == [None, 1, 2, None, None, None, None, None]


def test_a_partial_trial_has_fold_scores_and_neither_rank_nor_score(mixed_run: RunDir):
    pruned = next(row for row in read_board(mixed_run).rows if row.state == "pruned")
    assert (pruned.rank, pruned.score, pruned.folds) == (None, None, (0.5,))
    assert pruned.error == "pruned: losing"


def test_what_the_end_of_the_search_cut_is_not_called_pruned(make_run, make_record):
    over = TrialError("out_of_time", "the time was over when 1 of 3 folds were done")
    board = read_board(
        make_run(
            make_record("knn-0", 0, "failed", error=TrialError("crash", "it crashed")),
            make_record("knn-1", 1, "interrupted", error=TrialError("interrupted", "stopped")),
            make_record("knn-2", 2, "out_of_time", folds=(0.7,), error=over),
            make_record("knn-3", 3, "pruned", error=TrialError("pruned", "losing")),
        )
    )
    states = ["pruned", "out_of_time", "interrupted", "failed"]
    assert [row.state for row in board.trials] == states
    assert "out of time" in render(board, width=120)
    assert '"state": "out_of_time"' in render(board, "json")
    assert ",out_of_time," in render(board, "csv")


def test_weights_are_those_of_the_ensemble_and_0_elsewhere(mixed_run: RunDir):
    board = read_board(mixed_run)
    weights = {row.trial: row.weight for row in board.trials}
    assert (weights["svm-0"], weights["lightgbm-0"], weights["mlp-0"]) == (0.75, 0.25, 0.0)
    assert [row.trial for row in board.members] == ["svm-0", "lightgbm-0"]


def test_without_an_ensemble_there_is_no_row_and_no_weight(make_run, make_record):
    board = read_board(make_run(make_record("knn-0", 0, score=0.5)))
    assert board.ensemble is None
    assert board.rows[0].weight is None


def test_a_loss_is_ranked_from_the_lowest(make_run, make_record):
    records = [make_record(f"knn-{i}", i, score=s) for i, s in enumerate((3.0, 1.0, 2.0))]
    board = read_board(make_run(*records, greater_is_better=False, metric="rmse"))
    assert [row.trial for row in board.rows] == ["knn-1", "knn-2", "knn-0"]


def test_equal_scores_go_by_age_and_not_by_a_clock(make_run, make_record):
    """So that a run repeated gives the same leaderboard."""
    old = make_record("knn-0", 0, score=0.5, folds=(0.5,), fit_s=2.0)
    young = make_record("svm-0", 1, score=0.5, folds=(0.5,), fit_s=1.0)
    board = read_board(make_run(young, old))
    assert [row.trial for row in board.rows] == ["knn-0", "svm-0"]


def test_test_scores_stand_in_a_column_of_their_own_and_do_not_rank(make_run, make_record):
    run = make_run(
        make_record("svm-0", 0, score=0.9), make_record("knn-0", 1, score=0.8), weights={"svm-0": 1}
    )
    board = read_board(run, HeldOutScores({"ensemble": 0.7, "svm-0": 0.6, "knn-0": 0.99}))
    tests = [(row.trial, row.test_score) for row in board.rows]
    assert tests == [("ensemble", 0.7), ("svm-0", 0.6), ("knn-0", 0.99)]


def test_failures_are_counted_by_cause_most_frequent_first(mixed_run: RunDir):
    (first, n_first), (second, n_second) = read_board(mixed_run).failures
    assert (first, n_first) == ("memory: needed 3.2 GiB, 1.1 GiB were free", 2)
    assert (second, n_second) == ("exception: ValueError: bad | [red]x second line", 1)


def test_a_run_without_trials_has_an_empty_board_with_all_columns(make_run):
    frame = read_board(make_run()).to_frame()
    assert frame.empty
    assert tuple(frame.columns) == COLUMNS


def test_the_frame_has_the_same_columns_and_types_whatever_the_rows(make_run, mixed_run: RunDir):
    full, empty = read_board(mixed_run).to_frame(), read_board(make_run(name="empty")).to_frame()
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert full["rank"].to_list()[1:3] == [1, 2]
    assert full["score"].isna().sum() == 5


def test_what_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(RunError, match="no such directory"):
        read_board(RunDir(tmp_path / "missing"))
    with pytest.raises(RunError, match="not a run"):
        read_board(RunDir(tmp_path))


def test_a_manifest_without_a_metric_is_named(make_run):
    run = make_run()
    write_json(run.manifest, {"task": "binary"})
    with pytest.raises(RunError, match=r"manifest\.json does not name the metric"):
        read_board(run)


def test_a_damaged_ensemble_is_named(make_run):
    run = make_run(weights={"svm-0": 1.0})
    write_json(run.ensemble / "ensemble.json", {"members": [{"trial": "svm-0"}]})
    with pytest.raises(RunError, match=r"ensemble\.json is damaged"):
        read_board(run)


_TRIALS = st.lists(
    st.tuples(
        st.sampled_from(TrialState),
        st.one_of(st.none(), st.floats(-3, 3, allow_nan=False).map(lambda s: round(s, 1))),
        st.sampled_from([0.5, 1.0]),
    ),
    max_size=12,
)


@given(trials=_TRIALS, greater_is_better=st.booleans())
def test_ranks_follow_scores_and_only_complete_trials_have_one(trials, greater_is_better):
    board = _board(trials, greater_is_better)
    assert len(board.rows) == len(trials)
    ranked = [row for row in board.rows if row.rank is not None]
    assert [row.rank for row in ranked] == list(range(1, len(ranked) + 1))
    assert board.rows[: len(ranked)] == tuple(ranked)
    assert len(ranked) == sum(s is TrialState.COMPLETE and v is not None for s, v, _ in trials)
    sign = -1 if greater_is_better else 1
    order = [(sign * row.score, int(row.trial.split("-")[1])) for row in ranked]
    assert order == sorted(order)


def _board(trials, greater_is_better: bool):
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        metric = {"name": "r2", "greater_is_better": greater_is_better}
        write_json(run.manifest, {"metric": metric})
        for index, (state, score, fit_s) in enumerate(trials):
            spec = TrialSpec("knn", index, {})
            folds = (FoldResult(0, 0.0, fit_s, 0.0),)
            write_record(run, TrialRecord(spec, index, state, folds, score))
        return read_board(run)


def fast_and_good(make_run, make_record, objectives):
    return make_run(
        make_record("good-0", 0, score=0.9, folds=(0.9, 0.9), predict_ms=40.0),
        make_record("worse-0", 1, score=0.8, folds=(0.8, 0.8), predict_ms=50.0),
        make_record("fast-0", 2, score=0.7, folds=(0.7, 0.7), predict_ms=1.0),
        make_record("cut-0", 3, "pruned", folds=(0.95,), predict_ms=0.1),
        make_record("broken-0", 4, "failed", folds=(0.95,), predict_ms=0.1),
        weights={"good-0": 1.0},
        objectives=objectives,
    )


def test_the_front_is_of_complete_trials_and_never_of_others(make_run, make_record):
    board = read_board(fast_and_good(make_run, make_record, ("score", "predict_ms")))
    assert {row.trial: row.front for row in board.rows} == {
        "ensemble": None,
        "good-0": True,
        "worse-0": False,
        "fast-0": True,
        "cut-0": False,
        "broken-0": False,
    }
    frame = board.to_frame()
    assert frame["front"].dtype == "boolean"
    assert frame.set_index("trial")["front"].fillna(False).sum() == 2


def test_with_one_objective_there_is_no_front(make_run, make_record):
    board = read_board(fast_and_good(make_run, make_record, ("score",)))
    assert {row.front for row in board.rows} == {None}


def test_costs_add_up_over_folds_and_members_until_they_are_measured(make_run, make_record):
    run = fast_and_good(make_run, make_record, ("score",))
    good = next(row for row in read_board(run).trials if row.trial == "good-0")
    assert (good.predict_ms, good.size_mb) == (80.0, pytest.approx(2 * 1.048576))
    assert read_board(run).ensemble.predict_ms == 80.0
    path = run.ensemble / "ensemble.json"
    write_json(path, {**read_json(path), "predict_ms": 33.0})
    assert read_board(run).ensemble.predict_ms == 33.0


def test_the_score_of_the_ensemble_is_the_nested_one_once_it_is_known(make_run, make_record):
    run = make_run(make_record("svm-0", 0, score=0.9), weights={"svm-0": 1.0})
    (before,) = [row for row in read_board(run).rows if row.trial == "ensemble"]
    assert (before.score, before.selected_score) == (0.95, 0.95)
    assert (before.score_low, before.score_high) == (None, None)
    path = run.ensemble / "ensemble.json"
    nested = {"nested_score": 0.93, "score_se": 0.01, "interval": [0.91, 0.95]}
    write_json(path, {**read_json(path), **nested})
    row = read_board(run).ensemble
    assert (row.score, row.score_se, row.selected_score) == (0.93, 0.01, 0.95)
    assert (row.score_low, row.score_high) == (0.91, 0.95)


def test_corrections_stand_in_the_row_of_the_ensemble(make_run, make_record):
    run = make_run(make_record("svm-0", 0, score=0.9), weights={"svm-0": 1.0})
    path, whole = run.ensemble / "ensemble.json", read_json(run.ensemble / "ensemble.json")
    plain = {"temperature": 1.0, "class_factors": [], "value_range": None}
    for calibration, shown in (
        (plain, {}),
        ({**plain, "temperature": 1.3}, {"temperature": 1.3}),
        ({**plain, "class_factors": [1.0, 3.0]}, {"threshold": 0.25}),
        ({**plain, "class_factors": [1.0, 3.0, 2.0]}, {"class_factors": [1.0, 3.0, 2.0]}),
        ({**plain, "value_range": [0.0, 9.5]}, {"value_range": [0.0, 9.5]}),
    ):
        write_json(path, {**whole, "calibration": calibration})
        assert read_board(run).ensemble.params == {"members": 1, **shown}


def test_one_definition_of_margin_holds_for_trials_and_ensemble(make_run, make_record):
    run = make_run(make_record("svm-0", 0, score=0.9, folds=(0.8, 1.0)), weights={"svm-0": 1.0})
    path = run.ensemble / "ensemble.json"
    write_json(path, {**read_json(path), "nested_score": 0.93, "interval": [0.9, 0.95]})
    ensemble, trial = read_board(run).rows
    assert ensemble.score_margin == pytest.approx(0.025)
    assert trial.score_margin == pytest.approx(0.01)
    for row in (ensemble, trial):
        assert row.score_margin == (row.score_high - row.score_low) / 2
    assert trial.fold_sd == pytest.approx(0.1 * 2**0.5)
    assert ensemble.fold_sd is None
    frame = read_board(run).to_frame()
    assert frame["score_margin"].tolist() == [ensemble.score_margin, trial.score_margin]


def test_a_trial_of_an_earlier_version_has_no_margin(make_run, make_record):
    """Its record has the spread of the folds in the place of the error, and no interval."""
    run = make_run(make_record("svm-0", 0, score=0.9, folds=(0.8, 1.0)))
    path = run.trial("svm-0") / "trial.json"
    record = read_json(path)
    del record["interval"]
    write_json(path, {**record, "score_se": 0.1})
    (row,) = read_board(run).rows
    assert (row.score, row.score_se, row.score_margin) == (0.9, None, None)
    assert row.fold_sd == pytest.approx(0.1 * 2**0.5)


def ensemble_of(make_run, make_record, nested, **more):
    """A run with two trials whose ensemble has this nested score."""
    records = (make_record("svm-0", 0, score=0.9), make_record("svm-1", 1, score=0.94))
    limits = more.pop("limits", None)
    run = make_run(*records, weights={"svm-0": 0.5, "svm-1": 0.5}, limits=limits)
    path = run.ensemble / "ensemble.json"
    write_json(path, {**read_json(path), "nested_score": nested, **more})
    return read_board(run)


def test_a_board_says_why_an_ensemble_below_a_trial_is_kept(make_run, make_record):
    board = ensemble_of(make_run, make_record, 0.93, reason="it is\x1b[31m better")
    assert board.kept_reason == (
        "the score of svm-1 is the best of 2 and therefore optimistic; the ensemble is scored on "
        "rows not used to choose it: it is better"
    )


@pytest.mark.parametrize("nested", [0.94, 0.95, None])
def test_nothing_is_said_where_no_trial_is_better_or_nothing_is_known(
    make_run, make_record, nested
):
    assert ensemble_of(make_run, make_record, nested, score=0.93).kept_reason == ""


def test_a_better_trial_that_breaks_a_limit_is_named_for_that(make_run, make_record):
    board = ensemble_of(make_run, make_record, 0.93, limits={"predict_ms": -1.0})
    assert board.kept_reason == ("svm-1 ranks above the ensemble, but exceeds limits.predict_ms")


def test_a_fold_without_a_score_has_its_reason_and_no_number(make_run, make_record):
    record = make_record("knn-0", 0, score=0.8, folds=(0.8, None))
    why = "all 5 rows are of one class"
    folds = (record.folds[0], replace(record.folds[1], score_reason=why))
    (row,) = read_board(make_run(replace(record, folds=folds))).rows
    assert row.folds == (0.8, None)
    assert row.score_reason == f"no score of fold 1: {why}"
    board = read_board(make_run(replace(record, folds=folds), name="again"))
    assert board.notes == (f"roc_auc has no value for fold 1: {why}",)


def test_in_order_of_time_the_cost_is_that_of_the_one_model_that_predicts(make_run, make_record):
    run = fast_and_good(make_run, make_record, ("score",))
    write_json(run.manifest, {**read_json(run.manifest), "split": {"kind": "time"}})
    good = next(row for row in read_board(run).trials if row.trial == "good-0")
    assert (good.predict_ms, good.size_mb) == (40.0, pytest.approx(1.048576))
