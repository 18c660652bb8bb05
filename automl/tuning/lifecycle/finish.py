"""What is left to do when the search is over: leaderboard, manifest, and cleaning up."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator

from automl.data.folds.encoder_store import drop_matrices
from automl.errors import NoPredictorError, StorageError
from automl.events import SearchFinished
from automl.leaderboard import read_board, render
from automl.store.files import remove_drafts, write_whole
from automl.store.manifest import update_manifest
from automl.store.run_dir import RunDir
from automl.surface import named
from automl.trial.settle import discard_stages
from automl.trial.spec import TrialState
from automl.tuning.lifecycle.studies import write_studies
from automl.tuning.loop.controller import Controller

__all__ = ["finish_run", "require_predictor", "with_the_way_on"]


def finish_run(controller: Controller) -> SearchFinished:
    """Drops what only the search needs; writes leaderboard, studies and the last of the manifest.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    run, ledger = controller.run, controller.ledger
    ensemble = controller.standing.current
    weights = {} if ensemble is None else ensemble.weights
    remove_drafts(run.path)  # first what makes room
    for scratch in run.scratches:
        shutil.rmtree(scratch, ignore_errors=True)
    drop_matrices(run.views)
    if controller.config.search.keep_models == "members":
        _drop_models(run, set(weights))
    text = render(read_board(run), "csv")
    write_whole(run.leaderboard, lambda file: file.write(text.encode()))
    write_studies(run)
    update_manifest(
        run,
        status="finished",
        stopped_by=controller.stopped_by,
        elapsed_s=round(controller.budget.elapsed_s, 3),
    )
    return SearchFinished(
        run=str(run.path),
        stopped_by=controller.stopped_by,
        n_complete=len(ledger.in_state(TrialState.COMPLETE)),
        n_pruned=len(ledger.in_state(TrialState.PRUNED)),
        n_failed=len(ledger.in_state(TrialState.FAILED)),
        failures=ledger.failures(),
        ensemble_score=None if ensemble is None else ensemble.expected_score,
        weights=weights,
        elapsed_s=controller.budget.elapsed_s,
        notes=tuple(_notes(controller)),
        n_out_of_time=len(ledger.in_state(TrialState.OUT_OF_TIME)),
        n_interrupted=len(ledger.in_state(TrialState.INTERRUPTED)),
    )


def _notes(controller: Controller) -> Iterator[str]:
    """Families that were stopped, and those that had no time where one predicts alone."""
    stopped, ensemble = controller.proposer.stopped, controller.standing.current
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
    """Checks that a search has left something to predict with.

    Raises:
        NoPredictorError: No trial gave a usable model; the causes are named.
    """
    if end.weights:
        return
    causes = "; ".join(f"{cause} ({n} trials)" for cause, n in end.failures[:3])
    over = "it was stopped" if end.stopped_by == "interrupt" else "the time was over"
    raise NoPredictorError(
        f"no trial gave a usable model: {causes or f'{over} before the first'}. "
        f"The run lies in {end.run}"
    )


def with_the_way_on(error: StorageError, run: RunDir | None) -> StorageError:
    """The news that the disk takes no more, and what to do about it; makes a little room.

    Args:
        error: What could not be written, and why.
        run: The run of the search that this has ended; None where there was none yet.
    """
    if run is None or not run.manifest.is_file():
        return StorageError(f"{error}\nthe search had not begun: mend that and start it again")
    remove_drafts(run.path)
    return StorageError(
        f"{error}\nthe search has stopped, and what it found is kept; once that is mended, go on "
        f"with `automl resume {shlex.quote(str(run.path))}`"
    )


def _drop_models(run: RunDir, members: set[str]) -> None:
    for trial in run.trials.iterdir():
        if trial.name not in members:
            for model in trial.glob("fold-*/model"):
                shutil.rmtree(model, ignore_errors=True)
            discard_stages(run, trial.name)
