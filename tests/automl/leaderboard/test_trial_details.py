"""One trial in full: its row, its folds, its learning curves."""

import csv
import io
import json
from dataclasses import replace

import pytest

from automl.errors import RunError
from automl.leaderboard import read_board, read_trial, render_trial
from automl.run import load_run
from automl.store.files import read_json, write_json
from automl.trial.records import read_record, write_record
from automl.trial.spec import TrialError

STEPS = (((1, 0.5), (2, 0.1 + 0.2)), ((1, 0.6),))


@pytest.fixture
def run(make_run, make_record):
    """A net that reported on two folds, a forest that did not, and a trial that failed."""
    net = make_record("mlp-3", 0, score=0.7, folds=(0.5, 0.6), width=64)
    folds = (replace(f, steps=s) for f, s in zip(net.folds, STEPS, strict=True))
    error = TrialError("exception", "ValueError: bad", "Traceback:\n  line 1\n", fold=1)
    run = make_run(
        replace(net, folds=tuple(folds)),
        make_record("forest-0", 1, score=0.8, folds=(0.8,)),
        make_record("mlp-4", 2, "failed", error=error),
        weights={"forest-0": 0.75, "mlp-3": 0.25},
    )
    families = {"mlp": {"fidelity": "epochs"}, "forest": {"fidelity": ""}}
    write_json(run.manifest, {**read_json(run.manifest), "families": families})
    return run


def test_it_has_the_row_of_the_leaderboard_and_what_a_step_counts(run):
    details = read_trial(run, "mlp-3")
    assert details.row == read_board(run).trials[1]
    assert (details.row.rank, details.row.weight) == (2, 0.25)
    assert (details.metric, details.greater_is_better) == ("roc_auc", True)
    assert (details.fidelity, details.source) == ("epochs", "portfolio")
    assert details.results == read_record(run, "mlp-3").folds


def test_the_fit_that_a_trial_was_stopped_with_is_among_the_curves(run):
    record = read_record(run, "mlp-4")
    write_record(run, replace(record, cut_steps=((1, 0.5), (2, 0.4))))
    details = read_trial(run, "mlp-4")
    assert details.curves.to_numpy().tolist() == [[1, 1, 0.5], [1, 2, 0.4]]
    assert details.to_dict()["cut_steps"] == [[1, 0.5], [2, 0.4]]


def test_what_a_step_counts_is_steps_where_nobody_said_it(run):
    assert read_trial(run, "forest-0").fidelity == "steps"
    manifest = read_json(run.manifest)
    del manifest["families"]["mlp"]["fidelity"]
    write_json(run.manifest, manifest)
    assert read_trial(run, "mlp-3").fidelity == "steps"


def test_the_curves_are_a_frame_with_a_line_per_report(run):
    curves = load_run(run.path).trial("mlp-3").curves
    assert list(curves.columns) == ["fold", "step", "score"]
    assert curves.to_numpy().tolist() == [[0, 1, 0.5], [0, 2, 0.1 + 0.2], [1, 1, 0.6]]
    none = load_run(run.path).trial("forest-0").curves
    assert none.empty
    assert none.dtypes.equals(curves.dtypes)


def test_the_folds_are_a_frame_with_a_line_per_fold(run):
    folds = read_trial(run, "mlp-3").folds
    assert folds["fold"].tolist() == [0, 1]
    assert folds["score"].tolist() == [0.5, 0.6]
    assert folds["steps"].tolist() == [2, 1]
    assert read_trial(run, "mlp-4").folds.columns.equals(folds.columns)


def test_csv_gives_every_report_back(run):
    text = render_trial(read_trial(run, "mlp-3"), "csv")
    rows = [
        (int(r["fold"]), int(r["step"]), float(r["score"]))
        for r in csv.DictReader(io.StringIO(text))
    ]
    assert rows == [(0, 1, 0.5), (0, 2, 0.1 + 0.2), (1, 1, 0.6)]
    assert render_trial(read_trial(run, "forest-0"), "csv") == "fold,step,score\n"


def test_json_has_all_of_it(run):
    value = json.loads(render_trial(read_trial(run, "mlp-3"), "json"))
    assert value["params"] == {"width": 64}
    assert value["fidelity"] == "epochs"
    assert [fold["steps"] for fold in value["folds"]] == [[[1, 0.5], [2, 0.1 + 0.2]], [[1, 0.6]]]
    assert value["folds"][0]["fit_s"] == 1.0
    assert value["failure"] is None
    failed = json.loads(render_trial(read_trial(run, "mlp-4"), "json"))
    assert failed["failure"] == {
        "kind": "exception",
        "message": "ValueError: bad",
        "traceback": "Traceback:\n  line 1\n",
        "fold": 1,
    }


def test_an_unknown_format_is_an_error(run):
    with pytest.raises(ValueError, match="unknown format 'md': one of csv, json"):
        render_trial(read_trial(run, "mlp-3"), "md")


def test_an_unknown_trial_and_the_ensemble_are_no_trials(run):
    with pytest.raises(RunError, match=r"has no trial 'mpl-3'; did you mean 'mlp-3'"):
        read_trial(run, "mpl-3")
    with pytest.raises(RunError, match="has no trial 'ensemble'"):
        read_trial(run, "ensemble")
