"""What boosting libraries have in common: patience, pace, evaluation, and categories to split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from automl.plugin import Features, TrialContext, check_refit
from automl_plugins.common.fitting import FitClock
from automl_plugins.common.forking import threads_here

__all__ = [
    "MAX_LEARNING_RATE",
    "USUAL_STAGE",
    "Pace",
    "PlannedRounds",
    "evaluation_stride",
    "native_categories",
    "pace_of_all_rows",
    "patience",
    "rate_is_fixed",
    "threads_to_predict",
]

MAX_LEARNING_RATE = 0.15
"""The highest learning rate that a short time limit may lead to."""


USUAL_STAGE = 12.0
"""Boosting usually stops after so many rounds times the learning rate."""

WORTH_THREADS = 200_000
"""Rows times trees from which several threads predict sooner than one."""

MORE_ROUNDS = 1.1
"""All rows are more than those of a fold, and bear some more rounds."""

REFIT_FASTER = 2.0
"""All rows are learnt at so much higher a rate: as good, and half the trees to predict with."""


def pace_of_all_rows(
    rounds: Sequence[int], rates: Sequence[float], context: TrialContext
) -> tuple[int, float]:
    """Rounds and learning rate for boosting all rows, where nothing is left to stop by.

    Args:
        rounds: Those that early stopping chose in the folds.
        rates: The learning rates of the folds.
        context: Its stage is the sum of learning rates at which the folds are best in the mean;
            without one the rounds of the folds count.

    Returns:
        Half as many rounds as a fold had and a few more, at twice the rate; less of both where
        that would be more than ``MAX_LEARNING_RATE``. A rate that the user has fixed stays.
    """
    rate = sum(rates) / len(rates)
    faster = max(1.0, min(REFIT_FASTER, MAX_LEARNING_RATE / rate))
    faster = 1.0 if rate_is_fixed(context) else faster
    stage = context.stages[0] if context.stages else rate * sum(rounds) / len(rounds)
    return max(1, round(MORE_ROUNDS * stage / (faster * rate))), faster * rate


def rate_is_fixed(context: TrialContext) -> bool:
    """Whether the user has fixed the learning rate, which then nothing may change."""
    return "learning_rate" in (context.settings.get("fixed") or {})


def patience(n_rows: int, learning_rate: float) -> Callable[[int], float]:
    """Rounds without improvement that are granted after a best round.

    AutoGluon's adaptive early stopping: three tenths of the best round and 20 more, and at least
    300 up to 10,000 rows, less in proportion above, never below 20. That is meant for learning
    rates near 0.02: faster ones wait less.

    Args:
        n_rows: Training rows.
        learning_rate: Of the booster.
    """
    by_size = 300.0 if n_rows <= 10_000 else 300.0 * 10_000 / n_rows
    floor = max(20.0, by_size * min(1.0, 0.02 / learning_rate))
    return lambda best_round: max(floor, 0.3 * best_round + 20)


def threads_to_predict(n_rows: int, n_trees: int, most: int) -> int:
    """Threads that predicting is worth; a row and a tree take some 50 ns on one core.

    Args:
        n_rows: Rows to predict.
        n_trees: Trees that each of them goes through.
        most: Threads that may be used.
    """
    return threads_here(most) if n_rows * n_trees > WORTH_THREADS else 1


def evaluation_stride(n_rows: int, n_features: int, n_valid: int, n_outputs: int) -> int:
    """Every how many rounds to evaluate so that it takes less than about 15 % of the time.

    A rule of sizes instead of a clock, so that a fit without a time limit repeats exactly. The
    costs are of LightGBM 4.7 with 31 leaves on one core, and of metrics that sort.

    Args:
        n_rows: Training rows.
        n_features: Columns of the encoded rows.
        n_valid: Validation rows.
        n_outputs: Trees of a round.
    """
    round_s = n_outputs * (0.5e-3 + 3.0e-9 * n_rows * n_features)
    evaluation_s = 0.15e-3 + 1.5e-7 * n_valid * n_outputs
    stride: int = ceil(evaluation_s / (0.15 * round_s))
    return min(25, max(1, stride))


def native_categories(features: Features, max_bin: int) -> list[int]:
    """Columns to split as sets of categories.

    Those with more categories than there are bins are left as numbers, ordered by frequency:
    searching the best set among thousands costs much time and follows the noise.

    Args:
        features: What the columns are.
        max_bin: Bins of a column.
    """
    pairs = zip(features.categorical, features.cardinalities, strict=True)
    return [column for column, n_categories in pairs if n_categories <= max_bin]


class Pace:
    """Fits the number of rounds into the time: a higher learning rate first, the end at last.

    Args:
        learning_rate: Of the booster.
        rounds: How many are typically needed at this learning rate.
        clock: The time of the fit.
        predict_s: Seconds that predicting the validation rows takes, per round.
        keeps_rate: Whether the user has fixed the learning rate.
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
        """The learning rate at which boosting ends in time, once, when it would not; else None.

        The speed is known after 5 rounds that took a twentieth of the time.
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
        """Whether another round might end too late."""
        per_round_s = (self._clock.elapsed_s - self._started_s) / round_
        return self._left_s(round_) < 2 * per_round_s

    def _left_s(self, round_: int) -> float:
        return self._clock.left_s(reserve_s=self._predict_s * round_)


class PlannedRounds:
    """The rounds of a refit, which end when they are made or when time is up.

    Create it when the rows are binned, and ask it after each round. The first round includes what
    a library sets up once, so its time says nothing about that of another one.

    Args:
        planned: Rounds to make.
        clock: The time of the fit.
    """

    def __init__(self, planned: int, clock: FitClock) -> None:
        self._planned, self._clock = planned, clock
        self._first_end_s, self._cut_at = 0.0, planned

    def is_over(self, round_: int) -> bool:
        """Whether to stop after ``round_`` rounds: all are made, or another might end too late."""
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
        """Rejects boosting that the clock ended too early.

        Raises:
            RefitIncomplete: Fewer than 90 % of the rounds were made.
        """
        check_refit(self._cut_at, self._planned, "rounds")
