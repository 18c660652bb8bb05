"""Refit: one model on all rows in place of those of the folds, so that predicting is faster."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params

__all__ = ["CannotRefit", "RefitIncomplete", "RefittableFamily", "check_refit"]

MIN_REFIT_SHARE = 0.9
"""Below this share of the planned work a refit is another model than the one that was scored."""


class CannotRefit(Exception):
    """Raised by ``refit`` where these rows or params need validation rows; its text says why.

    The models of the folds stay. Where rows are in order of time, ``fit`` is called instead, with
    rows drawn from all of them to stop by.
    """


class RefitIncomplete(Exception):
    """Raised by ``refit`` when the clock ended it early: the models of the folds stay.

    Its text is shown to the user, after the name of the trial, such as "the clock stopped its refit
    after 12 of 340 rounds".
    """


class RefittableFamily(ModelFamily):
    """A family that can fit all rows without validation rows."""

    @abstractmethod
    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[FittedModel]
    ) -> FittedModel:
        """Fits one model on all rows, in place of those of the folds.

        There are no validation rows to stop by: what early stopping found has to come from the
        models of the folds, such as the number of rounds, or from ``context.stages``.

        Args:
            params: Those of the trial.
            fold: All rows; ``X_valid`` has none.
            context: The slot; only its deadline limits the time.
            models: Of the folds, as loaded.

        Raises:
            CannotRefit: It needs validation rows here.
            RefitIncomplete: The deadline ended it before 90 % of the work; see ``check_refit``.
        """


def check_refit(done: int, planned: int, unit: str) -> None:
    """Rejects a refit that did less than 90 % of what was planned.

    Args:
        done: Rounds, features or steps that were made before the clock ended the fit.
        planned: As many as the models of the folds need.
        unit: What is counted, in the plural (``rounds``).

    Raises:
        RefitIncomplete: Too few were made.

    Example:
        >>> check_refit(330, 340, "rounds")
        >>> check_refit(12, 340, "rounds")
        Traceback (most recent call last):
        automl.plugin.refitting.RefitIncomplete: the clock stopped its refit after 12 of 340 rounds
    """
    if done < MIN_REFIT_SHARE * planned:
        raise RefitIncomplete(f"the clock stopped its refit after {done:,} of {planned:,} {unit}")
