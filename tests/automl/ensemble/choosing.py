"""Selects ensembles from plain predictions, with the facts and the options by name."""

from dataclasses import fields

from automl.ensemble import SelectionOptions, aligned, choice, selection, time_choice

OPTIONS = {field.name for field in fields(SelectionOptions)}


def select_ensemble(predictions, y, metric, **given):
    return selection.select_ensemble(*divided(predictions, y, metric, given))


def choose_ensemble(predictions, y, metric, **given):
    return choice.choose_ensemble(*divided(predictions, y, metric, given))


def choose_forward(predictions, y, metric, *, block, final=True, **given):
    about = divided(predictions, y, metric, {"fold": block, **given})
    return time_choice.choose_forward(*about, final=final)


def divided(predictions, y, metric, given):
    """The models, and the options of the selection."""
    options = SelectionOptions(**{name: given[name] for name in OPTIONS & set(given)})
    facts = {name: value for name, value in given.items() if name not in OPTIONS}
    return aligned(predictions, y, metric, **facts), options
