from __future__ import annotations

from collections.abc import Callable

import pytest

from automl.cli import main
from automl.cli.verbs import rerun as module
from automl.errors import UserError
from automl.store.run_dir import RunDir
from automl.trial.records import read_record
from automl.trial.spec import TrialError
from automl.tuning.lifecycle.rerun import FoldRerun, RerunResult


def run(line: list[str]) -> int:
    verb = module.parser()
    return module.run(verb, *verb.read(line))


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts given folds in place of fits."""

    def rerun(*folds: FoldRerun, timed: bool = False) -> None:
        def fake(
            run: RunDir,
            trial: str,
            on_fold: Callable[[FoldRerun], None],
            given: object = None,
        ) -> RerunResult:
            for fold in folds:
                on_fold(fold)
            return RerunResult(read_record(run, trial), "roc_auc", folds, timed)

        monkeypatch.setattr("automl.tuning.lifecycle.rerun.rerun_trial", fake)

    return rerun


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "RUN is missing"),
        (["run"], "TRIAL is missing"),
        (["run", "svm-0", "svm-1"], "expected one TRIAL, got 2"),
        (["no such run", "svm-0"], "there is no run at no such run"),
    ],
)
def test_a_mistake_is_named(line: list[str], message: str):
    with pytest.raises(UserError, match=message):
        run(line)


def test_an_unknown_trial_is_status_2_with_the_nearest(
    run_dir: RunDir, capsys: pytest.CaptureFixture[str]
):
    assert main(["rerun", str(run_dir.path), "svm-1"]) == 2
    assert "has no trial 'svm-1'; did you mean 'svm-0'?" in capsys.readouterr().err


def test_scores_stand_beside_the_recorded_ones(
    run_dir: RunDir, rerun: Callable[..., None], capsys: pytest.CaptureFixture[str]
):
    rerun(
        FoldRerun(0, 0.9, 0.9, True),
        FoldRerun(1, 0.8, 0.1 + 0.2, False),
        FoldRerun(2, 0.7, 0.7, False),
        FoldRerun(3, None, 0.6),
    )
    assert run([str(run_dir.path), "svm-0"]) == 0
    out, err = capsys.readouterr()
    head, _, *rows, end = out.splitlines()
    assert head == 'svm-0, complete: {"kernel": "rbf"}'
    assert [row.split(maxsplit=3) for row in rows] == [
        ["0", "0.9", "0.9", "yes"],
        ["1", "0.8", "0.30000000000000004", "no"],
        ["2", "0.7", "0.7", "no: the predictions differ"],
        ["3", "-", "0.6", "-"],
    ]
    assert end == "1 of 3 recorded folds are equal (roc_auc)"
    assert err == ""


def test_of_a_failure_the_whole_traceback_is_shown_and_the_status_is_0(
    run_dir: RunDir, rerun: Callable[..., None], capsys: pytest.CaptureFixture[str]
):
    trace = "Traceback:\n  line 1\x1b[31m\nMemoryError: needed 3 GiB\n"
    rerun(FoldRerun(0, None, error=TrialError("memory", "needed 3 GiB", trace)))
    assert run([str(run_dir.path), "mlp-0"]) == 0
    out, _ = capsys.readouterr()
    assert "on record: memory in fold 0: needed 3 GiB" in out
    assert "memory in fold 0: needed 3 GiB\nTraceback:\n  line 1\nMemoryError" in out
    assert "\x1b" not in out


def test_with_a_limit_of_time_it_says_that_fits_may_differ(
    run_dir: RunDir, rerun: Callable[..., None], capsys: pytest.CaptureFixture[str]
):
    rerun(FoldRerun(0, 0.9, 0.9, True), timed=True)
    assert run([str(run_dir.path), "svm-0"]) == 0
    assert "time limit: fits that adapt to the clock may" in capsys.readouterr().err
