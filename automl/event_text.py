"""Formats events of a search as text."""

from __future__ import annotations

from automl.events import (
    EnsembleUpdated,
    Event,
    Note,
    Progress,
    SearchFinished,
    SearchStarted,
    TrialFinished,
    TrialStarted,
)
from automl.formatting import clean, format_score, format_seconds, format_state

__all__ = ["describe_event", "describe_start"]


def describe_start(event: SearchStarted, data: str) -> list[tuple[str, str]]:
    """Describes a search as names and values.

    Args:
        event: The start of the search.
        data: The user's name for the data.
    """
    gpus = f", {event.n_gpus} GPU{'s' * (event.n_gpus != 1)}" if event.n_gpus else ""
    budget = [] if event.time_s is None else [format_seconds(event.time_s)]
    budget += [] if event.trials is None else [f"{event.trials} trials"]
    lines = [
        ("data", f"{data}: {event.n_rows:,} rows, {event.n_columns} columns"),
        ("target", f"{event.target} ({event.task}, judged by {event.metric})"),
        ("", event.target_reason),
        ("split", event.split),
        ("families", ", ".join(event.families)),
        ("budget", f"{' or '.join(budget)} on {event.n_cpus} CPU{'s' * (event.n_cpus != 1)}{gpus}"),
        ("run", event.run),
    ]
    return [(name, clean(value)) for name, value in lines if value]


def describe_event(event: Event) -> str:
    """Returns an event in one line, without its time; "" for events without a text."""
    match event:
        case TrialStarted():
            return f"{event.trial} starts"
        case TrialFinished(state="complete"):
            error = "" if event.margin is None else f" ± {format_score(event.margin)}"
            score = f"{format_score(event.score)}{error}"
            return f"{event.trial} {score} in {format_seconds(event.fit_s)}"
        case TrialFinished():
            cause = ": ".join(filter(None, (event.error_kind, clean(event.error))))
            cause = cause.removeprefix(f"{event.state}: ")
            state = format_state(event.state)
            return f"{event.trial} {state}{': ' if cause else ''}{cause}"
        case EnsembleUpdated():
            n = len(event.weights)
            return f"ensemble {format_score(event.score)} of {n} member{'s' * (n != 1)}"
        case Note():
            return clean(event.message)
        case SearchFinished():
            return f"finished: stopped by {event.stopped_by}"
        case SearchStarted() | Progress():
            return ""
