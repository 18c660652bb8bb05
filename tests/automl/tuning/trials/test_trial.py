"""How a trial changes, and that nobody changes it behind its back."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import automl
from automl.metrics import get_metric
from automl.plugin import Task
from automl.trial.spec import FoldResult, TrialError, TrialSpec, TrialState
from automl.tuning.trials.trial import Stopped, Trial

AUC = get_metric("roc_auc", Task.BINARY)
FOLDS = (0, 1)
CRASH = TrialError("crash", "SIGSEGV", "Traceback", fold=1)


def begun(**options):
    """A trial whose first fold is done, and whose second reports."""
    trial = Trial(TrialSpec("svm", 3, {"C": 1.0}), 5, FOLDS, 2.0, **options)
    for fold in FOLDS:
        trial.start_fold(fold)
        trial.report(fold, 1, AUC.loss(0.6))
    trial.leave_fold(0)
    trial.complete_fold(FoldResult(0, 0.75, 1.0, 0.1, steps=((1, 0.6),)))
    return trial


@pytest.mark.parametrize(
    ("ending", "state", "may_go_on"),
    [
        (Stopped("pruned", "losing", 1), TrialState.PRUNED, False),
        (Stopped("held", "deferred"), TrialState.PRUNED, True),
        (Stopped("out_of_time", "cut"), TrialState.OUT_OF_TIME, True),
        (Stopped("interrupted", "cut"), TrialState.INTERRUPTED, True),
        (CRASH, TrialState.FAILED, False),
    ],
)
def test_a_trial_ends_once_its_fits_have_and_only_a_failure_is_an_error(ending, state, may_go_on):
    trial = begun()
    trial.condemn(ending)
    assert (trial.state, trial.waiting, trial.is_over) == (TrialState.RUNNING, [], False)
    trial.leave_fold(1)
    assert trial.is_over
    trial.finish(9.0)
    assert (trial.state, trial.may_go_on) == (state, may_go_on)
    assert trial.error == (ending if ending is CRASH else None)
    record = trial.record(AUC)
    assert record.error == (
        ending if ending is CRASH else TrialError(ending.kind, ending.message, fold=ending.fold)
    )
    assert record.cut_steps == (((1, 0.6),) if ending.fold == 1 else ())
    again = Trial.restored(record, FOLDS, AUC, ships_newest=False)
    if may_go_on:
        assert (again.state, again.ending, again.finished_s) == (TrialState.RUNNING, None, None)
        assert again.waiting == [1]
    else:
        assert (again.state, again.ending, again.finished_s) == (state, ending, 9.0)


def test_losses_inside_are_scores_on_disk():
    trial = begun()
    trial.complete_fold(FoldResult(1, 0.85, 1.0, 0.1))
    trial.leave_fold(1)
    assert trial.is_over
    trial.take_loss(AUC.loss(0.8), 0.01, (0.7, 0.9))
    trial.finish(9.0)
    record = trial.record(AUC)
    assert (trial.loss, record.score, record.error) == (-0.8, 0.8, None)
    assert (record.state, record.finished_s) == (TrialState.COMPLETE, 9.0)
    again = Trial.restored(record, FOLDS, AUC, ships_newest=False)
    assert again.loss == -0.8
    assert again.reports == {0: [(1, -0.6)]}
    assert again.record(AUC) == record


def test_a_lost_fold_is_fitted_again_and_the_score_is_gone_with_it():
    trial = begun()
    trial.complete_fold(FoldResult(1, 0.85, 1.0, 0.1))
    trial.leave_fold(1)
    trial.promote()
    trial.take_loss(-0.8, 0.01, (0.7, 0.9))
    trial.finish(9.0)
    trial.reopen([1])
    assert (trial.state, trial.ready, list(trial.reports)) == (TrialState.RUNNING, [1], [0])
    assert trial.loss is trial.score_se is trial.interval is trial.finished_s is None


def test_the_first_reason_why_a_fold_ended_stays_and_no_later_fold_waits():
    trial = Trial(TrialSpec("svm", 0, {}), 0, FOLDS, 0.0, promoted=True)
    pruned = Stopped("pruned", "losing")
    trial.end_fold(0, pruned)
    trial.end_fold(0, CRASH)
    assert trial.ended == {0: pruned}
    assert trial.waiting == []


def test_an_attempt_begins_without_the_reports_of_the_one_before():
    trial = begun()
    trial.start_fold(1, in_pack=True)
    assert (1 in trial.reports, trial.packed_folds, trial.running) == (False, {1}, {1})


def test_a_fold_that_was_stopped_and_ended_all_the_same_is_not_on_record():
    trial = begun()
    trial.end_fold(0, Stopped("pruned", "losing"))
    assert trial.record(AUC).folds == ()


def test_no_other_module_changes_a_trial():
    names = {field.name for field in fields(Trial)}
    root = Path(automl.__file__).parent
    found = []
    for path in root.glob("tuning/**/*.py"):
        if path.name == "trial.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute | ast.Subscript)
                and isinstance(node.ctx, ast.Store | ast.Del)
                and _changed(node) in names
            ):
                found.append(f"{path.relative_to(root)}:{node.lineno}")
    assert found == []


def _changed(node):
    """The field of a variable called trial, or t, that a statement changes; None for others."""
    target = node.value if isinstance(node, ast.Subscript) else node
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return target.attr if target.value.id in ("trial", "t", "mate") else None
    return None
