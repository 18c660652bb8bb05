"""A search from its first piece of news to its last."""

from __future__ import annotations

from collections.abc import Iterator

from automl.events import Event, Note
from automl.tuning.lifecycle.finish import finish_run, require_predictor
from automl.tuning.lifecycle.start import Prepared
from automl.tuning.refit.at_end import refit_at_the_end

__all__ = ["conduct"]


def conduct(prepared: Prepared) -> Iterator[Event]:
    """Searches, refits and finishes, and yields what happens.

    Raises:
        NoPredictorError: No trial gave a usable model.
        StorageError: The disk is full, read-only or closed to us.
    """
    controller = prepared.controller
    yield from prepared.news
    if prepared.is_new:
        yield from controller.begin()
    for text in prepared.start_workers():
        yield Note(text, controller.budget.elapsed_s)
    yield from controller.events()
    if controller.stopped_by != "interrupt":  # who asks for the end is not made to wait
        for note in refit_at_the_end(
            prepared.problem, controller.standing, controller.runner, controller.budget
        ):
            yield from controller.progress("refitting") if note is None else (note,)
    end = finish_run(controller)
    yield end
    require_predictor(end)
