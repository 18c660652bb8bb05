"""Finishes a search: writes leaderboard, studies and manifest, and deletes temporary files."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace

from automl.data.folds.encoder_store import drop_matrices
from automl.ensemble import Ensemble
from automl.errors import NoPredictorError, StorageError
from automl.events import SearchFinished
from automl.leaderboard import Leaderboard, read_board, render
from automl.store.files import remove_staging, write_atomic
from automl.store.manifest import update_manifest
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.settle import discard_stages
from automl.trial.spec import TrialState
from automl.tuning.lifecycle.studies import write_studies
from automl.tuning.loop.controller import Controller

__all__ = ["end_of", "finish_run", "require_predictor", "with_resume_hint"]


def finish_run(controller: Controller) -> SearchFinished:
    """Deletes temporary data; writes leaderboard, studies and the end of the manifest.

    Raises:
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    run, stopped_by = controller.run, controller.stopped_by
    ensemble = controller.incumbent.current
    remove_staging(run.path)  # first, to free space
    for scratch in run.scratches:
        shutil.rmtree(scratch, ignore_errors=True)
    drop_matrices(run.encodings)
    if controller.config.search.keep_models == "members":
        _drop_models(run, set(ensemble.weights) if ensemble else set())
    board = read_board(run)
    text = render(board, "csv")
    write_atomic(run.leaderboard, lambda file: file.write(text.encode()))
    write_studies(run)
    update_manifest(
        run,
        status="finished",
        stopped_by=stopped_by,
        elapsed_s=round(controller.budget.elapsed_s, 3),
    )
    end = end_of(run, board, ensemble, stopped_by, controller.budget.elapsed_s)
    return replace(end, failures=controller.ledger.failures(), notes=tuple(_notes(controller)))


def end_of(
    run: RunDir, board: Leaderboard, ensemble: Ensemble | None, stopped_by: str, elapsed_s: float
) -> SearchFinished:
    """Makes the last event of a search, with the failures that its leaderboard shows."""
    return SearchFinished(
        run=str(run.path),
        stopped_by=stopped_by,
        n_complete=board.count(TrialState.COMPLETE),
        n_pruned=board.count(TrialState.PRUNED),
        n_failed=board.count(TrialState.FAILED),
        failures=board.failures,
        ensemble_score=None if ensemble is None else ensemble.expected_score,
        weights={} if ensemble is None else ensemble.weights,
        elapsed_s=elapsed_s,
        n_out_of_time=board.count(TrialState.OUT_OF_TIME),
        n_interrupted=board.count(TrialState.INTERRUPTED),
    )


def _notes(controller: Controller) -> Iterator[str]:
    """Notes on stopped families, and on those without time if one predicts alone."""
    stopped, ensemble = controller.proposer.stopped, controller.incumbent.current
    for name, why in stopped.items():
        yield f"family {name} got no more trials: {why}"
    if controller.stopped_by != "time" or ensemble is None:
        return
    able = {t.spec.family for t in controller.ledger.in_state(TrialState.COMPLETE)}
    alone = {member.family for member in ensemble.members}
    late = [name for name in controller.families if name not in {*able, *alone, *stopped}]
    if len(able | alone) == 1 and late:
        yield (
            f"{alone.pop()} predicts alone: no trial of {', '.join(late)} finished in time; "
            f"allow more with {named('time_s')}"
        )


def require_predictor(end: SearchFinished) -> None:
    """Checks that a search has left a predictor.

    Raises:
        NoPredictorError: No trial gave a usable model; the text names the causes.
    """
    if end.weights:
        return
    causes = "; ".join(f"{cause} ({n} trials)" for cause, n in end.failures[:3])
    over = "it was stopped" if end.stopped_by == "interrupt" else "the time ran out"
    raise NoPredictorError(
        f"no trial gave a usable model: {causes or f'{over} before the first'}. "
        f"The run is in {end.run}"
    )


def with_resume_hint(error: StorageError, run: RunDir | None) -> StorageError:
    """Adds to a storage error how to continue; frees some space.

    Args:
        error: The failed write, with its reason.
        run: The run of the search that this ended; None if there was none yet.
    """
    if run is None or not run.manifest.is_file():
        return StorageError(f"{error}\nthe search had not started: fix that and start it again")
    remove_staging(run.path)
    return StorageError(
        f"{error}\nthe search has stopped, and its results are kept; once that is fixed, continue "
        f"with `automl resume {shlex.quote(str(run.path))}`"
    )


def _drop_models(run: RunDir, members: set[str]) -> None:
    for trial in run.trials.iterdir():
        if trial.name not in members:
            for model in trial.glob("fold-*/model"):
                shutil.rmtree(model, ignore_errors=True)
            discard_stages(run, trial.name)
