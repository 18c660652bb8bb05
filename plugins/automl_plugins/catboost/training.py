"""Trains CatBoost under a time limit."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    Fold,
    Params,
    Report,
    StageLog,
    Task,
    TrialContext,
    TrialPruned,
    enough_to_choose,
    stage_steps,
)
from automl_plugins.catboost.names import is_weighted, loss_of, metric_of
from automl_plugins.catboost.rows import frame, pool, pools
from automl_plugins.common.boosting import (
    USUAL_STAGE,
    PlannedRounds,
    RoundBudget,
    patience,
    rate_is_fixed,
)
from automl_plugins.common.fitting import EarlyStopping, FitClock, report_steps
from automl_plugins.common.probabilities import softmax

__all__ = ["as_prediction", "rounds_needed", "train", "train_rounds"]


def train(
    params: Params, fold: Fold, context: TrialContext, report: Report
) -> tuple[Any, int, tuple[StageLog, ...]]:
    """Boosts until the validation score stops improving, or time is up.

    The score is the run's metric if CatBoost can compute it, else the loss. The learning rate
    cannot change during boosting: if the rounds do not fit into the time, boosting restarts with a
    higher one, after at most a twentieth of the time.

    Args:
        params: Params of the search space.
        fold: Training and validation rows.
        context: Metric and time limits.
        report: Called with the score of about 30 fixed rounds.

    Returns:
        The ``catboost.CatBoost`` model with all rounds, the number of its best round, and its
        stage logs.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    import catboost

    clock = FitClock(context)
    train_pool, valid_pool = pools(fold, context.settings["max_bin"])
    metric = metric_of(context, is_weighted(fold))
    stops = enough_to_choose(fold.y_valid, context.task.is_classification)
    fixed = _fixed_params(context, metric)
    if not stops:
        usual = max(1, int(USUAL_STAGE / params["learning_rate"]))
        fixed["iterations"] = min(fixed["iterations"], usual)
    steps = report_steps(10, context.settings["max_rounds"])
    watcher = _Watcher(
        params, params["learning_rate"], steps, fold, context, metric, report, clock, stops
    )
    while True:
        rate = watcher.learning_rate
        booster = catboost.CatBoost(
            {**params, **fixed, "use_best_model": False, "learning_rate": rate}
        )
        booster.fit(train_pool, eval_set=valid_pool, callbacks=[watcher])
        if watcher.pruned is not None:
            raise watcher.pruned
        if watcher.faster_rate is None:
            break
        watcher = watcher.again()
    n_rounds = int(booster.tree_count_)
    if not stops:
        return booster, n_rounds, ()
    log = _log_of(booster, fold, context, rate)
    return booster, min(watcher.best.best_round or n_rounds, n_rounds), (log,)


def _log_of(booster: Any, fold: Fold, context: TrialContext, rate: float) -> StageLog:
    """Logs the predictions of the validation rows after some of the rounds."""
    usual = rounds_needed(rate, booster.get_all_params()["depth"]) * rate
    log, last = StageLog(context.metric, usual, grows=True), int(booster.tree_count_)
    logged = stage_steps(context.settings["max_rounds"])
    rows, sums, before = frame(np.asarray(fold.X_valid), fold.features.categorical), None, 0
    for round_ in sorted({r for r in logged if r < last} | {last}):
        # CatBoost adds the bias to the first tree.
        part = booster.predict(
            rows,
            prediction_type="RawFormulaVal",
            ntree_start=before,
            ntree_end=round_,
            thread_count=context.n_threads,
        )
        sums = np.asarray(part, dtype=np.float64) + (0.0 if sums is None else sums)
        log.add(round_ * rate, as_prediction(sums, context.task))
        before = round_
    return log


def as_prediction(sums: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """Probabilities ``(n_rows, n_classes)``, values or quantiles from the sums of the trees."""
    from scipy.special import expit

    if task is Task.BINARY:
        positive = expit(sums)
        return np.column_stack((1 - positive, positive))
    if task is Task.MULTICLASS:
        return softmax(sums)
    return sums[:, np.newaxis] if task is Task.QUANTILE and sums.ndim == 1 else sums


def train_rounds(params: Params, rounds: int, fold: Fold, context: TrialContext) -> Any:
    """Boosts for a fixed number of rounds; returns the model.

    Raises:
        RefitIncomplete: Time was up before 90 % of the rounds.
    """
    import catboost

    clock = FitClock(context)
    fixed = {**_fixed_params(context, None), "iterations": rounds}
    rows = pool(fold.X_train, fold.y_train, fold.weight_train, fold.features)
    rows.quantize(border_count=context.settings["max_bin"])
    planned = PlannedRounds(rounds, clock)
    booster = catboost.CatBoost({**params, **fixed}).fit(rows, callbacks=[_Alarm(planned)])
    planned.check()
    return booster


class _Alarm:
    """Callback of CatBoost that ends boosting when time is up."""

    def __init__(self, planned: PlannedRounds) -> None:
        self._planned = planned

    def after_iteration(self, info: Any) -> bool:
        """Returns False to stop boosting."""
        return not self._planned.is_over(info.iteration)


def rounds_needed(learning_rate: float, depth: int) -> float:
    """Typical rounds until early stopping: about 60 / learning rate at depth 6.

    The median of eight tables (range 20 to 300); shallower trees need more.
    """
    return 60 / learning_rate * 6 / depth


class _Watcher:
    """Callback of CatBoost that reports rounds and stops early.

    Args:
        params: Params of the search space.
        learning_rate: Learning rate of this attempt.
        steps: Rounds to report.
        fold: Training and validation rows.
        context: Metric and time limits.
        metric: CatBoost's name of the run's metric; None to use the loss.
        report: Called at those rounds.
        clock: Clock of the whole fit.
        stops: True if validation rows may end the attempt.
        is_last: True if the attempt must not restart with a higher learning rate.

    Attributes:
        steps: Rounds not reported yet.
        best: Best round so far.
        faster_rate: Learning rate of the next attempt; None if none is needed.
        pruned: Exception of ``report``, which cannot be raised through CatBoost.
    """

    def __init__(
        self,
        params: Params,
        learning_rate: float,
        steps: frozenset[int],
        fold: Fold,
        context: TrialContext,
        metric: str | None,
        report: Report,
        clock: FitClock,
        stops: bool,
        is_last: bool = False,
    ) -> None:
        self._arguments = (params, fold, context, metric, report, clock, stops)
        self.learning_rate, self.steps = learning_rate, steps
        self.faster_rate: float | None = None
        self.pruned: TrialPruned | None = None
        self._report, self._stops, self._is_last = report, stops, is_last
        self._metric_name, self._is_metric = metric or loss_of(context), metric is not None
        is_better = context.metric.is_better if self._is_metric else operator.lt
        self.best = EarlyStopping(is_better, patience(len(fold.y_train), learning_rate))
        needed = rounds_needed(learning_rate, params["depth"])
        n_classes = context.problem.n_classes if context.task is Task.MULTICLASS else 1
        n_outputs = max(n_classes, len(context.problem.quantiles))
        predict_s = 5e-8 * len(fold.y_valid) * n_outputs
        self._pace = RoundBudget(learning_rate, needed, clock, predict_s, rate_is_fixed(context))

    def after_iteration(self, info: Any) -> bool:
        """Returns False to stop boosting."""
        round_ = info.iteration
        score = info.metrics["validation"][self._metric_name][-1]
        self.best.update(round_, score)
        if round_ in self.steps and self._is_metric and np.isfinite(score):
            self.steps -= {round_}
            try:
                self._report(round_, score)
            except TrialPruned as pruned:
                self.pruned = pruned
                return False
        if not self._is_last:
            self.faster_rate = self._pace.faster_rate(round_)
        over = (self._stops and self.best.is_over(round_)) or self._pace.is_over(round_)
        return self.faster_rate is None and not over

    def again(self) -> _Watcher:
        """Returns the callback of the last attempt, at the higher rate."""
        params, fold, context, metric, report, clock, stops = self._arguments
        rate = self.faster_rate or self.learning_rate
        return _Watcher(
            params, rate, self.steps, fold, context, metric, report, clock, stops, is_last=True
        )


def _fixed_params(context: TrialContext, metric: str | None) -> dict[str, Any]:
    """Parameters that are not searched."""
    loss = loss_of(context)
    fixed: dict[str, Any] = {
        "loss_function": loss,
        "eval_metric": metric or loss,
        "iterations": context.settings["max_rounds"],
        "border_count": context.settings["max_bin"],
        "boosting_type": "Plain",
        "random_seed": context.seed % 2**31,
        "thread_count": context.n_threads,
        "allow_writing_files": False,
        "allow_const_label": True,
        "verbose": False,
    }
    if context.task is Task.MULTICLASS:
        fixed["classes_count"] = context.problem.n_classes  # a fold may lack a class
    return fixed
