"""From params and an encoded fold to a trained net."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch._loop import LoopOptions, Rows, train
from automl_plugins.torch._model import (
    FittedNet,
    OutputScale,
    predict_net,
    split_columns,
    threads,
)
from automl_plugins.torch._nets import NetSpec, TabularNet, learning_groups

__all__ = ["fit_mlp"]

_LIMIT_SHARE = 0.93  # of the time limit is for training; the rest for what comes after it
_DEADLINE_SHARE = 0.85  # of the time to the deadline: a worker killed there loses the fit
_PATIENCE_SHARE = {"coslog4": 0.55, "flat_cos": 0.3, "cosine": 0.3}
_MIN_PATIENCE = 20
_MAX_STEPS, _MIN_EPOCHS = 20_000, 16
_RANGE_MARGIN = 0.01  # predictions may leave the range of the training target by so much of it


def fit_mlp(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> FittedNet:
    """Trains one feed-forward net.

    Args:
        params: A point of the family's search space.
        fold: Encoded rows.
        context: The slot.
        report: Told the validation score after each epoch.
        max_epochs: Epochs of a small table, unless time or patience end it earlier; a large one
            gets fewer, for about ``_MAX_STEPS`` steps.

    Raises:
        TrialPruned: As raised by ``report``.
    """
    stop_at = _stop_at(context)
    device = torch.device(context.device)
    forked = [device] if device.type == "cuda" else []
    with threads(context.n_threads), torch.random.fork_rng(devices=forked):
        torch.manual_seed(context.seed)
        return _fit(params, fold, context, report, device, max_epochs, stop_at)


def _fit(
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    device: torch.device,
    max_epochs: int,
    stop_at: float | None,
) -> FittedNet:
    inputs, valid = _tensors(fold, device)
    levels = context.shape.quantiles
    scale = None if context.task.is_classification else _output_scale(fold.y_train, bool(levels))
    net = TabularNet(_spec(params, fold, context), inputs[0].cpu()).to(device)
    groups = learning_groups(
        net, params["lr"], params["weight_decay"], params["scale_lr"], params["embedding_lr"]
    )
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
    metric = context.metric

    def evaluate(epoch: int) -> float:
        prediction = predict_net(net, valid, scale)
        score = metric.score(fold.y_valid, prediction, fold.weight_valid)
        report(epoch, score)
        return metric.loss(score)

    options = _options(params, len(fold.X_train), max_epochs, stop_at)
    generator = torch.Generator(device).manual_seed(context.seed)
    rows = Rows(inputs, _target(fold, scale, device), _weight(fold, device))
    loss = _squared_error if scale else _cross_entropy(params["label_smoothing"])
    loss = _pinball(torch.tensor(levels, device=device)) if levels else loss
    train(net, optimiser, rows, loss, evaluate, options, generator)
    return FittedNet(
        net.cpu(), fold.features.categorical, fold.X_train.shape[1], scale, context.n_threads
    )


def _options(params: Params, n_rows: int, max_epochs: int, stop_at: float | None) -> LoopOptions:
    steps = max(1, n_rows // params["batch_size"])
    n_epochs = min(max_epochs, max(_MIN_EPOCHS, _MAX_STEPS // steps))
    return LoopOptions(
        n_epochs=n_epochs,
        batch_size=params["batch_size"],
        schedule=params["schedule"],
        patience=max(_MIN_PATIENCE, int(_PATIENCE_SHARE[params["schedule"]] * n_epochs)),
        clip_norm=params["clip_norm"],
        stop_at=stop_at,
    )


def _stop_at(context: TrialContext) -> float | None:
    """``time.monotonic()`` at which training should be over, or None."""
    seconds = _DEADLINE_SHARE * context.time_left_s
    if context.time_limit_s is not None:
        seconds = min(seconds, _LIMIT_SHARE * context.time_limit_s)
    return None if seconds == float("inf") else time.monotonic() + seconds


def _tensors(
    fold: Fold, device: torch.device
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Numbers and codes of the training and validation rows, kept for the next trial."""
    key = ("torch.inputs", str(device))
    if key not in fold.memo:
        fold.memo[key] = tuple(
            tuple(part.to(device) for part in split_columns(X, fold.features))
            for X in (fold.X_train, fold.X_valid)
        )
    train_inputs, valid_inputs = fold.memo[key]
    return train_inputs, valid_inputs


def _spec(params: Params, fold: Fold, context: TrialContext) -> NetSpec:
    return NetSpec(
        n_numeric=fold.X_train.shape[1] - len(fold.features.categorical),
        cardinalities=fold.features.cardinalities,
        n_outputs=context.shape.n_classes or len(context.shape.quantiles) or 1,
        n_layers=params["n_layers"],
        width=params["width"],
        activation=params["activation"],
        dropout=params["dropout"],
        embedding=params["embedding"],
        embedding_width=params["embedding_width"],
        n_frequencies=params["n_frequencies"],
        sigma=params["sigma"],
        max_onehot=params["max_onehot"],
        category_width=params["category_width"],
    )


def _output_scale(y: NDArray[Any], is_quantile: bool) -> OutputScale:
    low, high, factor = float(y.min()), float(y.max()), float(y.std())
    margin = _RANGE_MARGIN * (high - low)
    return OutputScale(float(y.mean()), factor or 1.0, low - margin, high + margin, is_quantile)


def _target(fold: Fold, scale: OutputScale | None, device: torch.device) -> Tensor:
    """Class indices, or the standardised target."""
    if scale is None:
        return torch.from_numpy(np.array(fold.y_train, dtype=np.int64)).to(device)
    standardised = (fold.y_train - scale.centre) / scale.factor
    return torch.from_numpy(standardised.astype(np.float32)).to(device)


def _weight(fold: Fold, device: torch.device) -> Tensor | None:
    """Weights of mean 1: the size of a step does not depend on their unit."""
    if fold.weight_train is None:
        return None
    weight = fold.weight_train / fold.weight_train.mean()
    return torch.from_numpy(weight.astype(np.float32)).to(device)


def _squared_error(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    return _mean((output[..., 0] - target) ** 2, weight)


def _pinball(levels: Tensor) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Loss of quantiles (Koenker & Bassett 1978), averaged over the levels ``(n_levels,)``."""

    def loss(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        above = target[..., None] - output
        return _mean(torch.maximum(levels * above, (levels - 1) * above).mean(dim=-1), weight)

    return loss


def _cross_entropy(
    label_smoothing: float,
) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    def loss(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        each = functional.cross_entropy(
            output, target, reduction="none", label_smoothing=label_smoothing
        )
        return _mean(each, weight)

    return loss


def _mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    return losses.mean() if weight is None else (losses * weight).mean()
