"""Training CatBoost under a time limit: pools, rounds, learning rate, stopping."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Features, Fold, Matrix, Params, Report, Task, TrialContext, TrialPruned
from automl_plugins._boosting import Pace, patience
from automl_plugins._fitting import BestRound, FitClock, report_steps

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "rounds_needed", "train", "train_rounds"]

_METRICS = {
    "accuracy": "Accuracy",
    "mae": "MAE",
    "r2": "R2",
    "rmse": "RMSE",
}
_ABSOLUTE = frozenset({"mae", "mape", "medae", "pinball", "smape"})


def train(
    params: Params, settings: Mapping[str, Any], fold: Fold, context: TrialContext, report: Report
) -> Any:
    """Boosts until the validation score stops to improve, or time is up.

    The score is that of the run's metric where CatBoost computes it itself, else the loss. A
    learning rate cannot change while CatBoost boosts: where its rounds do not fit into the time,
    boosting starts again with a higher one, after a twentieth of the time at most.

    Args:
        params: Point of the search space.
        settings: ``max_rounds`` and ``max_bin``.
        fold: Training and validation rows.
        context: Metric and time.
        report: Called with the best score so far at some 30 fixed rounds.

    Returns:
        The ``catboost.CatBoost`` model, cut after its best round.

    Raises:
        TrialPruned: As raised by ``report``.
    """
    import catboost

    clock = FitClock(context)
    train_pool, valid_pool = _pools(fold, settings["max_bin"])
    metric = _metric_of(context, _is_weighted(fold))
    fixed = _fixed_params(settings, context, metric)
    steps = report_steps(10, fixed["iterations"])
    watcher = _Watcher(params, params["learning_rate"], steps, fold, context, metric, report, clock)
    while True:
        rate = watcher.learning_rate
        # CatBoost cuts the model itself: afterwards only symmetric trees could be cut.
        cut = {"use_best_model": True, "learning_rate": rate}
        booster = catboost.CatBoost({**params, **fixed, **cut})
        booster.fit(train_pool, eval_set=valid_pool, callbacks=[watcher])
        if watcher.pruned is not None:
            raise watcher.pruned
        if watcher.faster_rate is None:
            return booster
        watcher = _Watcher(
            params,
            watcher.faster_rate,
            watcher.steps,
            fold,
            context,
            metric,
            report,
            clock,
            is_last=True,
        )


def train_rounds(
    params: Params,
    settings: Mapping[str, Any],
    rounds: int,
    fold: Fold,
    context: TrialContext,
) -> Any:
    """Boosts for so many rounds, fewer only where time is up; returns the model."""
    import catboost

    fixed = {**_fixed_params(settings, context, None), "iterations": rounds}
    booster = catboost.CatBoost({**params, **fixed})
    rows = (fold.X_train, fold.y_train, fold.weight_train)
    return booster.fit(_pool(*rows, fold.features), callbacks=[_Alarm(FitClock(context))])


class _Alarm:
    """Ends boosting when time is up. CatBoost calls it."""

    def __init__(self, clock: FitClock) -> None:
        self._clock = clock

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        return bool(self._clock.left_s() > 2 * self._clock.elapsed_s / info.iteration)


def frame(X: NDArray[np.float32], categorical: Sequence[int]) -> pd.DataFrame:
    """The rows as CatBoost takes them: codes of categories as integers, without copying numbers.

    Args:
        X: ``(n_rows, n_features)``.
        categorical: Columns that hold category codes.
    """
    import pandas as pd

    coded = frozenset(categorical)
    columns = {i: X[:, i].astype(np.int32) if i in coded else X[:, i] for i in range(X.shape[1])}
    return pd.DataFrame(columns, copy=False)


def rounds_needed(learning_rate: float, depth: int) -> float:
    """Rounds until early stopping, typically: some 60 / learning rate at depth 6.

    The median of eight tables; shallower trees need more. The range is wide, 20 to 300.
    """
    return 60 / learning_rate * 6 / depth


class _Watcher:
    """Looks at each round, and ends boosting when it is over. CatBoost calls it.

    Args:
        params: Point of the search space.
        learning_rate: At which this attempt boosts.
        steps: Rounds to report.
        fold: Training and validation rows.
        context: Metric and time.
        metric: CatBoost's name of the run's metric; None where the loss decides.
        report: Called at those rounds.
        clock: Of the whole fit.
        is_last: Whether this attempt goes on to the end whatever its speed.

    Attributes:
        steps: Rounds that are not reported yet.
        best: The best round so far.
        faster_rate: The learning rate to start again with; None when that is not needed.
        pruned: What ``report`` raised: nothing can be raised through CatBoost.
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
        is_last: bool = False,
    ) -> None:
        self.learning_rate, self.steps = learning_rate, steps
        self.faster_rate: float | None = None
        self.pruned: TrialPruned | None = None
        self._report, self._is_last = report, is_last
        self._metric_name, self._is_metric = metric or _loss_of(context), metric is not None
        is_better = context.metric.is_better if self._is_metric else operator.lt
        self.best = BestRound(is_better, patience(len(fold.y_train), learning_rate))
        needed = rounds_needed(learning_rate, params["depth"])
        n_classes = context.shape.n_classes if context.task is Task.MULTICLASS else 1
        n_outputs = max(n_classes, len(context.shape.quantiles))
        self._pace = Pace(
            learning_rate, needed, clock, predict_s=5e-8 * len(fold.y_valid) * n_outputs
        )

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        round_ = info.iteration
        self.best.update(round_, info.metrics["validation"][self._metric_name][-1])
        if round_ in self.steps and self._is_metric:
            self.steps -= {round_}
            try:
                self._report(round_, self.best.best_score)
            except TrialPruned as pruned:
                self.pruned = pruned
                return False
        if not self._is_last:
            self.faster_rate = self._pace.faster_rate(round_)
        over = self.best.is_over(round_) or self._pace.is_over(round_)
        return self.faster_rate is None and not over


def _pools(fold: Fold, max_bin: int) -> tuple[Any, Any]:
    """Training and validation rows as CatBoost's pools, kept for the next trial on this fold.

    Those for training are quantised once and for all; CatBoost 1.2 quantises validation rows by
    their borders itself, and takes them wrongly where that is done beforehand.
    """
    key = f"catboost-{max_bin}"
    if key not in fold.memo:
        train = _pool(fold.X_train, fold.y_train, fold.weight_train, fold.features)
        train.quantize(border_count=max_bin)
        valid = _pool(fold.X_valid, fold.y_valid, fold.weight_valid, fold.features)
        fold.memo[key] = (train, valid)
    pools: tuple[Any, Any] = fold.memo[key]
    return pools


def _pool(X: Matrix, y: Any, weight: Any, features: Features) -> Any:
    import catboost

    categorical = list(features.categorical)
    rows = frame(np.asarray(X), categorical)
    return catboost.Pool(rows, y, cat_features=categorical, weight=weight)


def _fixed_params(
    settings: Mapping[str, Any], context: TrialContext, metric: str | None
) -> dict[str, Any]:
    """What is no matter of search."""
    loss = _loss_of(context)
    fixed: dict[str, Any] = {
        "loss_function": loss,
        "eval_metric": metric or loss,
        "iterations": settings["max_rounds"],
        "border_count": settings["max_bin"],
        "boosting_type": "Plain",
        "random_seed": context.seed % 2**31,
        "thread_count": context.n_threads,
        "allow_writing_files": False,
        "allow_const_label": True,
        "verbose": False,
    }
    if context.task is Task.MULTICLASS:
        fixed["classes_count"] = context.shape.n_classes  # a fold may lack a class
    return fixed


def _loss_of(context: TrialContext) -> str:
    if context.task is Task.BINARY:
        return "Logloss"
    if context.task is Task.MULTICLASS:
        return "MultiClass"
    if context.task is Task.QUANTILE:
        levels = ",".join(map(str, context.shape.quantiles))
        return f"{'MultiQuantile' if ',' in levels else 'Quantile'}:alpha={levels}"
    return "MAE" if context.metric.name in _ABSOLUTE else "RMSE"


def _is_weighted(fold: Fold) -> bool:
    """Whether CatBoost sees weights in the validation rows: to it equal ones are none."""
    return fold.weight_valid is not None and bool(np.any(fold.weight_valid != 1.0))


def _metric_of(context: TrialContext, is_weighted: bool) -> str | None:
    """CatBoost's name of the metric of the run; None where it does not have it."""
    name = context.metric.name
    if name == "log_loss" or (name == "pinball" and context.task is Task.QUANTILE):
        return _loss_of(context)
    if name == "roc_auc":
        if context.task is not Task.BINARY:
            return None
        # Unlike its other metrics CatBoost's AUC leaves weights out unless it is told to take
        # them, and fails when it is told so and there are none.
        return "AUC:use_weights=true" if is_weighted else "AUC"
    return _METRICS.get(name)
