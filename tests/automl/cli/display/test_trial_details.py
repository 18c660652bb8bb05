"""``automl leaderboard RUN TRIAL``: one trial as people see it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from automl.cli import main
from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir
from automl.trial.records import read_record, write_record
from automl.trial.spec import FoldResult, TrialError, TrialState

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def learnt(run_dir: RunDir) -> RunDir:
    """The run, in which the machine learnt in 100 epochs, and in 40, of which the last is worse."""
    steps = tuple((step, 0.9 - 0.4 / step) for step in range(1, 101))
    longer = FoldResult(0, 0.9, 1.5, 0.1, steps=steps)
    shorter = FoldResult(1, 0.89, 0.7, 0.1, steps=(*steps[:39], (40, 0.5)))
    record = read_record(run_dir, "svm-0")
    write_record(run_dir, replace(record, folds=(longer, shorter)))
    manifest = {**read_json(run_dir.manifest), "families": {"svm": {"fidelity": "epochs"}}}
    write_json(run_dir.manifest, manifest)
    return run_dir


def test_a_trial_is_shown_with_its_folds_and_how_they_learnt(learnt: RunDir, capsys: Shown):
    assert main(["leaderboard", str(learnt.path), "svm-0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "trial     svm-0: complete, rank 1"
    assert lines[1] == "score     0.9000 ± 0.0100 by roc_auc: higher is better"
    assert lines[2] == "95 %      0.8880 to 0.9080 on new rows"
    assert lines[3] == "folds     standard deviation 0.0071 over 2 folds"
    assert lines[4] == "params    kernel=rbf (from the portfolio)"
    titles = ["fold", "score", "fit", "predict", "epochs", "best", "at", "learning", "curve"]
    assert lines[6].split() == titles
    numbers = [line.split()[:8] for line in lines[8:] if line.startswith(("   0", "   1"))]
    assert [n[:2] + n[-2:] for n in numbers] == [
        ["0", "0.9000", "100", "100"],
        ["1", "0.8900", "40", "39"],
    ]
    assert lines[-1] == (
        "learning curves: roc_auc on the validation rows, from 0.8429 or less (bottom) to 0.8960 "
        "(top), over 100 epochs"
    )


@pytest.mark.parametrize(("width", "n_columns"), [(60, 10), (80, 28), (100, 48), (200, 100)])
def test_curves_are_as_wide_as_there_is_room(
    learnt: RunDir, width: int, n_columns: int, capsys: Shown, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["leaderboard", str(learnt.path), "svm-0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    upper = next(i for i, line in enumerate(lines) if line.startswith("   0 "))
    assert len(lines[upper + 1].strip()) == n_columns


def test_a_trial_that_reported_nothing_has_no_curve(run_dir: RunDir, capsys: Shown):
    assert main(["leaderboard", str(run_dir.path), "svm-0"]) == 0
    out = capsys.readouterr().out
    assert "fold   score    fit  predict\n" in out
    assert "curve" not in out


def test_a_trial_that_failed_says_where_and_why(run_dir: RunDir, capsys: Shown):
    error = TrialError("exception", "ValueError: \x1b[31mbad", "Traceback:\n  line 1\x1b[0m\n", 2)
    write_record(run_dir, replace(read_record(run_dir, "mlp-0"), error=error))
    assert main(["leaderboard", str(run_dir.path), "mlp-0"]) == 0
    out = capsys.readouterr().out
    assert "error     in fold 2: exception: ValueError: bad\n" in out
    assert out.endswith("\nTraceback:\n  line 1\n")


def test_a_trial_that_was_stopped_shows_how_its_last_fit_learnt(learnt: RunDir, capsys: Shown):
    record = read_record(learnt, "svm-0")
    steps = ((1, 0.5), (2, 0.6), (3, 0.55))
    error = TrialError("pruned", "step 3 is behind", fold=2)
    write_record(learnt, replace(record, state=TrialState.PRUNED, error=error, cut_steps=steps))
    assert main(["leaderboard", str(learnt.path), "svm-0"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("   2 ")]
    assert line.split()[:4] == ["2", "stopped", "3", "2"]


def test_a_trial_that_has_just_begun_is_shown(run_dir: RunDir, capsys: Shown):
    assert main(["leaderboard", str(run_dir.path), "knn-0"]) == 0
    assert capsys.readouterr().out == (
        "trial     knn-0: running\nparams    none (from the portfolio)\n"
    )


def test_a_script_gets_the_trial_or_its_curves(learnt: RunDir, capsys: Shown):
    assert main(["leaderboard", str(learnt.path), "svm-0", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["folds"][1]["steps"]) == 40
    assert main(["leaderboard", str(learnt.path), "svm-0", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["fold,step,score", "0,1,0.5"]
    assert len(lines) == 1 + 100 + 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["svm-1"], "has no trial 'svm-1'; did you mean 'svm-0'?"),
        (["svm-0", "mlp-0"], "expected one TRIAL, got 2"),
        (["svm-0", "--format", "md"], "one TRIAL supports --format table, csv and json"),
        (["svm-0", "--test", "a.csv"], "--test scores all trials: omit TRIAL"),
    ],
)
def test_a_mistake_is_status_2(run_dir: RunDir, words: list[str], message: str, capsys: Shown):
    assert main(["leaderboard", str(run_dir.path), *words]) == 2
    assert message in capsys.readouterr().err
