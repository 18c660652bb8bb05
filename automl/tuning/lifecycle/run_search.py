"""Runs a search from its first event to its last."""

from __future__ import annotations

from collections.abc import Iterator

from automl.events import Event, Note
from automl.tuning.lifecycle.finish import finish_run, require_predictor
from automl.tuning.lifecycle.start import PreparedSearch
from automl.tuning.refit.at_end import refit_at_end

__all__ = ["run_search"]


def run_search(prepared: PreparedSearch) -> Iterator[Event]:
    """Searches, refits and finishes, and yields the events.

    Raises:
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full or read-only, or writing is not permitted.
    """
    controller = prepared.controller
    yield from prepared.first_events
    prepared.warm_up()
    if prepared.is_new:
        yield from controller.begin()
    for text in prepared.start_workers():
        yield Note(text, controller.budget.elapsed_s)
    yield from controller.events()
    if controller.stopped_by != "interrupt":  # a user who stops the search does not want to wait
        for note in refit_at_end(
            prepared.problem, controller.incumbent, controller.runner, controller.budget
        ):
            yield from controller.progress("refitting") if note is None else (note,)
    end = finish_run(controller)
    yield end
    require_predictor(end)
