"""Why a family has no model of all rows, and how complete one has to be."""

from __future__ import annotations

__all__ = ["RefitIncomplete", "check_refit"]

MIN_REFIT_SHARE = 0.9
"""Below this share of the planned work a refit is another model than the one that was scored."""


class RefitIncomplete(Exception):
    """Raised by ``refit`` when the clock ended it early: the models of the folds stay.

    Its text is shown to the user, after the name of the trial, such as "the clock stopped its refit
    after 12 of 340 rounds".
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
