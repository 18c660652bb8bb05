"""Base class of families that refit one model on all rows, for faster predictions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from automl.plugin.context import Fold, TrialContext
from automl.plugin.family import FittedModel, ModelFamily, Params

__all__ = ["CannotRefit", "RefitIncomplete", "RefittableFamily", "check_refit"]

MIN_REFIT_SHARE = 0.9
"""Below this share of the planned work, a refit differs too much from the scored model."""


class CannotRefit(Exception):
    """Raised by ``refit`` if these rows or params need validation rows; the text is the reason.

    The models of the folds are kept. In a time plan, ``fit`` is called instead, with validation
    rows drawn from all rows.

    Example:
        >>> raise CannotRefit("early stopping needs validation rows")
        Traceback (most recent call last):
        automl.plugin.refitting.CannotRefit: early stopping needs validation rows
    """


class RefitIncomplete(Exception):
    """Raised by ``refit`` if the clock ended it early; the models of the folds are kept.

    Users see its text after the name of the trial.

    Example:
        >>> raise RefitIncomplete("the clock stopped its refit after 12 of 340 rounds")
        Traceback (most recent call last):
        automl.plugin.refitting.RefitIncomplete: the clock stopped its refit after 12 of 340 rounds
    """


class RefittableFamily(ModelFamily):
    """A family that can fit all rows without validation rows.

    Example:
        >>> class Boosters(RefittableFamily):
        ...     name = "boosters"
        ...     def refit(self, params, fold, context, models):
        ...         n_rounds = round(np.mean([model.n_rounds for model in models]))
        ...         return boost(params, fold, n_rounds)
    """

    @abstractmethod
    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[FittedModel]
    ) -> FittedModel:
        """Fits one model on all rows to replace those of the folds.

        There are no validation rows: take the results of early stopping, such as the number of
        rounds, from the models of the folds or from ``context.stages``.

        Args:
            params: Params of the trial.
            fold: All rows; ``X_valid`` is empty.
            context: The slot; only its deadline limits the time.
            models: Models of the folds, as loaded.

        Raises:
            CannotRefit: It needs validation rows.
            RefitIncomplete: The deadline ended it before 90 % of the work; see ``check_refit``.
        """


def check_refit(done: int, planned: int, unit: str) -> None:
    """Rejects a refit that did less than 90 % of the planned work.

    Args:
        done: Rounds, features or steps done when the clock ended the fit.
        planned: Number that the models of the folds need.
        unit: Unit in the plural (``rounds``).

    Raises:
        RefitIncomplete: Too few were done.

    Example:
        >>> check_refit(330, 340, "rounds")
        >>> check_refit(12, 340, "rounds")
        Traceback (most recent call last):
        automl.plugin.refitting.RefitIncomplete: the clock stopped its refit after 12 of 340 rounds
    """
    if done < MIN_REFIT_SHARE * planned:
        raise RefitIncomplete(f"the clock stopped its refit after {done:,} of {planned:,} {unit}")
