"""Linear quantile regression with a smooth loss, for all levels together.

The pinball loss of Koenker & Bassett (1978) has a kink, which makes it a linear program. Smoothed
over a small bandwidth it is convex and smooth (Fernandes, Guerre & Horta 2021), and L-BFGS solves
it in about a hundred passes over the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.plugin import Fold, TrialContext
from automl_plugins.common.fitting import FitClock, mean_and_std, total_weight, weighted_quantiles
from automl_plugins.linear.model import LinearModel, clipped, make_linear_model

__all__ = ["fit_quantiles"]

BANDWIDTHS = (0.3, 0.03)
"""Bandwidths in standard deviations of the target, solved in this order."""

MAX_ITERATIONS = 150


def fit_quantiles(C: float, fold: Fold, context: TrialContext, clock: FitClock) -> LinearModel:
    """Minimises the sum of the row losses and ``1 / (2 C)`` times the squared coefficients.

    Finally intercepts are shifted so that the shares of training rows below are exact.
    """
    X, weight = clipped(fold.X_train), fold.weight_train
    levels = np.array(context.problem.quantiles)
    mean, deviation = mean_and_std(fold.y_train, weight)
    y = (fold.y_train - mean) / deviation
    total = total_weight(weight, len(y))
    share = (np.ones(len(y)) if weight is None else weight)[:, np.newaxis] / total

    def loss(flat: NDArray[np.float64], width: float) -> tuple[float, NDArray[np.float64]]:
        from scipy.special import expit

        weights = flat.reshape(len(levels), -1)
        coef, intercept = weights[:, :-1], weights[:, -1]
        above = y[:, np.newaxis] - (X @ coef.T + intercept)
        smooth = levels * above + width * np.logaddexp(0.0, -above / width)
        slope = -share * (levels - expit(-above / width))
        gradient = np.column_stack(((X.T @ slope).T + coef / (C * total), slope.sum(axis=0)))
        penalty = (coef**2).sum() / (2 * C * total)
        return float((share * smooth).sum() + penalty), gradient.ravel()

    start = np.zeros((len(levels), X.shape[1] + 1))
    start[:, -1] = _quantiles(y, weight, levels)
    flat = start.ravel()
    for width in BANDWIDTHS:
        flat = _minimise(loss, flat, width, clock)
    coef = flat.reshape(len(levels), -1)[:, :-1]
    sums = X @ coef.T
    intercept = np.array(
        [_quantiles(y - sums[:, i], weight, levels[[i]])[0] for i in range(len(levels))]
    )
    return make_linear_model(coef * deviation, intercept * deviation + mean, fold, context)


def _minimise(
    loss: Any, flat: NDArray[np.float64], width: float, clock: FitClock
) -> NDArray[np.float64]:
    """Runs L-BFGS until it converges or time is up; the latest iterate is used in both cases."""
    from scipy.optimize import minimize

    def stop_in_time(intermediate_result: Any) -> None:
        if clock.left_s() <= 0:
            raise StopIteration

    found = minimize(
        loss,
        flat,
        args=(width,),
        jac=True,
        method="L-BFGS-B",
        callback=stop_in_time,
        options={"maxiter": MAX_ITERATIONS, "maxcor": 10},
    )
    return np.asarray(found.x)


def _quantiles(
    values: NDArray[Any], weight: NDArray[np.float64] | None, levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    rows = None if weight is None else weight[np.newaxis]
    found: NDArray[np.float64] = weighted_quantiles(values[np.newaxis], rows, levels.tolist())[0]
    return found
