"""What is left to do when the search is over: leaderboard, manifest, and cleaning up."""

from __future__ import annotations

import shutil

from automl.data.cache import drop_matrices
from automl.errors import NoPredictorError
from automl.leaderboard import read_board, render
from automl.search.controller import Controller
from automl.search.events import SearchFinished
from automl.store.manifest import update_manifest
from automl.store.run_dir import RunDir, write_whole
from automl.trial.spec import TrialState

__all__ = ["finish_run"]


def finish_run(controller: Controller) -> SearchFinished:
    """Writes the leaderboard and the last of the manifest, and drops what only the search needs.

    Raises:
        NoPredictorError: No trial gave a usable model.
    """
    run, ledger = controller.run, controller.ledger
    update_manifest(run, status="finished", stopped_by=controller.stopped_by)
    text = render(read_board(run), "csv")
    write_whole(run.leaderboard, lambda file: file.write(text.encode()))
    ensemble = controller.standing.current
    if ensemble is None:
        causes = "; ".join(f"{cause} ({n} trials)" for cause, n in ledger.failures()[:3])
        raise NoPredictorError(
            f"no trial gave a usable model: {causes or 'the time was over before the first'}. "
            f"The run lies in {run.path}"
        )
    drop_matrices(run.views)
    if controller.config.search.keep_models == "members":
        _drop_models(run, set(ensemble.weights))
    return SearchFinished(
        run=str(run.path),
        stopped_by=controller.stopped_by,
        n_complete=len(ledger.in_state(TrialState.COMPLETE)),
        n_pruned=len(ledger.in_state(TrialState.PRUNED)),
        n_failed=len(ledger.in_state(TrialState.FAILED)),
        failures=ledger.failures(),
        ensemble_score=ensemble.score,
        weights=ensemble.weights,
        elapsed_s=controller.budget.elapsed_s,
    )


def _drop_models(run: RunDir, members: set[str]) -> None:
    for trial in run.trials.iterdir():
        if trial.name not in members:
            for model in trial.glob("fold-*/model"):
                shutil.rmtree(model, ignore_errors=True)
