"""Helpers for boosting libraries: patience, round budgets, evaluation, native categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from automl.plugin import Features, TrialContext, check_refit
from automl_plugins.common.fitting import FitClock
from automl_plugins.common.forking import threads_here

__all__ = [
    "MAX_LEARNING_RATE",
    "USUAL_STAGE",
    "PlannedRounds",
    "RoundBudget",
    "evaluation_interval",
    "native_categories",
    "patience",
    "rate_is_fixed",
    "refit_rounds",
    "threads_to_predict",
]

MAX_LEARNING_RATE = 0.15
"""Highest learning rate that a short time limit may cause."""


USUAL_STAGE = 12.0
"""Boosting usually stops after ``USUAL_STAGE / learning_rate`` rounds."""

WORTH_THREADS = 200_000
"""Rows times trees above which several threads predict faster than one."""

MORE_ROUNDS = 1.1
"""A refit has more rows than a fold and uses this factor of its rounds."""

REFIT_FASTER = 2.0
"""Factor of the learning rate of a refit: as good, with half the trees to predict with."""


def refit_rounds(
    rounds: Sequence[int], rates: Sequence[float], context: TrialContext
) -> tuple[int, float]:
    """Rounds and learning rate of a refit, which has no validation rows for early stopping.

    Args:
        rounds: Rounds that early stopping chose in the folds.
        rates: Learning rates of the folds.
        context: ``stages[0]`` is the sum of learning rates at which the folds are best on average;
            without stages the rounds of the folds are used.

    Returns:
        About half the rounds of a fold at twice the rate. The rate is at most
        ``MAX_LEARNING_RATE``; a rate fixed by the user is kept.
    """
    rate = sum(rates) / len(rates)
    faster = max(1.0, min(REFIT_FASTER, MAX_LEARNING_RATE / rate))
    faster = 1.0 if rate_is_fixed(context) else faster
    stage = context.stages[0] if context.stages else rate * sum(rounds) / len(rounds)
    return max(1, round(MORE_ROUNDS * stage / (faster * rate))), faster * rate


def rate_is_fixed(context: TrialContext) -> bool:
    """True if the user has fixed the learning rate."""
    return "learning_rate" in (context.settings.get("fixed") or {})


def patience(n_rows: int, learning_rate: float) -> Callable[[int], float]:
    """Rounds to wait for an improvement after the best round.

    AutoGluon's adaptive early stopping, made for learning rates near 0.02:
    ``max(floor, 0.3 * best_round + 20)``. The floor is 300 up to 10,000 rows, falls in proportion
    to the rows above, and with learning rates above 0.02; it is at least 20.

    Args:
        n_rows: Training rows.
        learning_rate: Learning rate of the booster.
    """
    by_size = 300.0 if n_rows <= 10_000 else 300.0 * 10_000 / n_rows
    floor = max(20.0, by_size * min(1.0, 0.02 / learning_rate))
    return lambda best_round: max(floor, 0.3 * best_round + 20)


def threads_to_predict(n_rows: int, n_trees: int, most: int) -> int:
    """Number of threads to predict with; one row and tree take about 50 ns on one core.

    Args:
        n_rows: Rows to predict.
        n_trees: Trees of the model.
        most: Largest number of threads.
    """
    return threads_here(most) if n_rows * n_trees > WORTH_THREADS else 1


def evaluation_interval(n_rows: int, n_features: int, n_valid: int, n_outputs: int) -> int:
    """Rounds between two evaluations, so that these take less than about 15 % of the time.

    Computed from sizes instead of a clock, so that a fit without a time limit is reproducible. The
    costs are those of LightGBM 4.7 with 31 leaves on one core, and of ranking metrics.

    Args:
        n_rows: Training rows.
        n_features: Encoded columns.
        n_valid: Validation rows.
        n_outputs: Trees per round.
    """
    round_s = n_outputs * (0.5e-3 + 3.0e-9 * n_rows * n_features)
    evaluation_s = 0.15e-3 + 1.5e-7 * n_valid * n_outputs
    stride: int = ceil(evaluation_s / (0.15 * round_s))
    return min(25, max(1, stride))


def native_categories(features: Features, max_bin: int) -> list[int]:
    """Categorical columns to split by sets of categories.

    Columns with more categories than bins stay numeric, ordered by frequency: searching the best
    set among thousands is slow and overfits.

    Args:
        features: The encoded columns.
        max_bin: Bins per column.
    """
    pairs = zip(features.categorical, features.cardinalities, strict=True)
    return [column for column, n_categories in pairs if n_categories <= max_bin]


class RoundBudget:
    """Fits boosting into the time limit: raises the learning rate once, then ends early.

    Args:
        learning_rate: Learning rate of the booster.
        rounds: Rounds typically needed at this learning rate.
        clock: Clock of the fit.
        predict_s: Seconds per round to predict the validation rows.
        keeps_rate: True if the user has fixed the learning rate.
    """

    def __init__(
        self,
        learning_rate: float,
        rounds: float,
        clock: FitClock,
        predict_s: float,
        keeps_rate: bool,
    ) -> None:
        self._learning_rate, self._rounds = learning_rate, rounds
        self._clock, self._predict_s = clock, predict_s
        self._started_s, self._asked = clock.elapsed_s, keeps_rate or not clock.has_limit

    def faster_rate(self, round_: int) -> float | None:
        """Returns a higher learning rate if boosting would not end in time, once; else None.

        The speed is measured over at least 5 rounds and a twentieth of the time.
        """
        if self._asked or round_ < 5:
            return None
        spent_s, left_s = self._clock.elapsed_s - self._started_s, self._left_s(round_)
        if spent_s < left_s / 20:
            return None
        self._asked = True
        fitting = max(1.0, left_s / (spent_s / round_))
        wanted = min(self._learning_rate * self._rounds / fitting, MAX_LEARNING_RATE)
        return wanted if wanted > self._learning_rate else None

    def is_over(self, round_: int) -> bool:
        """True if another round might end too late."""
        per_round_s = (self._clock.elapsed_s - self._started_s) / round_
        return self._left_s(round_) < 2 * per_round_s

    def _left_s(self, round_: int) -> float:
        return self._clock.left_s(reserve_s=self._predict_s * round_)


class PlannedRounds:
    """Ends a refit after its planned rounds, or when time is up.

    Create it after binning, and ask it after each round. The first round is not used to measure
    the speed, because it includes one-time work of the library.

    Args:
        planned: Planned rounds.
        clock: Clock of the fit.
    """

    def __init__(self, planned: int, clock: FitClock) -> None:
        self._planned, self._clock = planned, clock
        self._first_end_s, self._cut_at = 0.0, planned

    def is_over(self, round_: int) -> bool:
        """True if all rounds are done after ``round_``, or another might end too late."""
        if round_ <= 1:
            self._first_end_s = self._clock.elapsed_s
            is_late = self._clock.left_s() <= 0
        else:
            per_round_s = (self._clock.elapsed_s - self._first_end_s) / (round_ - 1)
            is_late = self._clock.left_s() < 2 * per_round_s
        if is_late:
            self._cut_at = round_
        return is_late or round_ >= self._planned

    def check(self) -> None:
        """Rejects a refit that the clock ended too early.

        Raises:
            RefitIncomplete: Fewer than 90 % of the planned rounds are done.
        """
        check_refit(self._cut_at, self._planned, "rounds")
