from __future__ import annotations

import pytest

from automl.cli.verbs import refit
from automl.errors import UserError
from automl.store.run_dir import RunDir
from automl.tuning.refit.refit import RefitResult


def run(line: list[str]) -> int:
    verb = refit.parser()
    return refit.run(verb, *verb.read(line))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "RUN is missing"),
        (["run", "more"], "expected one RUN, got 2"),
        (["no such run"], "there is no run at no such run"),
    ],
)
def test_a_mistake_is_named(line: list[str], message: str):
    with pytest.raises(UserError, match=message):
        run(line)


@pytest.mark.parametrize("undo", [False, True])
def test_it_says_what_became_faster_and_what_stays(
    run_dir: RunDir,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    undo: bool,
):
    asked = []

    def fake(run: RunDir, *, undo: bool, metric: object = None) -> RefitResult:
        asked.append((run.path, undo))
        return RefitResult(
            ("svm-0",), {"mlp-0": "family mlp cannot be refitted on all rows"}, 10.0, 3318.0
        )

    monkeypatch.setattr("automl.tuning.lifecycle.refit_run.refit_run", fake)
    assert run([str(run_dir.path), *["--undo"] * undo]) == 0
    assert asked == [(run_dir.path, undo)]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "1 of 2 members were refitted on all rows (10 ms per 1,000 rows, 3,318 "
    )
    assert second == (
        "mlp-0 keeps the models of its folds: family mlp cannot be refitted on all rows"
    )


def test_an_undo_says_which_time_is_of_which_models():
    (note,) = RefitResult((), {}, 103.0, 2.74).notes
    assert note == (
        "all members predict with the models of their folds: 103 ms per 1,000 rows; with the "
        "models of all rows they took 2.74 ms"
    )
    (note,) = RefitResult((), {}, 103.0, None).notes
    assert note == "all members predict with the models of their folds: 103 ms per 1,000 rows"
