"""From params and encoded folds to trained nets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from automl.plugin import FittedModel, Fold, PackMember, TrialContext
from automl_plugins.torch._family import MOST_VALUES
from automl_plugins.torch._loop import LoopOptions, Member, train
from automl_plugins.torch._losses import Loss, cross_entropy, pinball, squared_error
from automl_plugins.torch._model import FittedNet, OutputScale, threads, to_prediction
from automl_plugins.torch._nets import NetSpec, Start, TabularNet
from automl_plugins.torch._pack import Pack
from automl_plugins.torch._recipe import Recipe
from automl_plugins.torch._rows import PackRows, Rows, fold_inputs

__all__ = ["NetFit", "fit_nets"]

_LIMIT_SHARE = 0.93  # of the time limit is for training; the rest for what comes after it
_DEADLINE_SHARE = 0.85  # of the time to the deadline: a worker killed there loses the fit
_RANGE_MARGIN = 0.01  # predictions may leave the range of the training target by so much of it
_ALONE = Lock()  # held for the random state of torch, and for reports, which go to one place
_MIXED_FROM_WIDTH = 256  # narrower products gain nothing from bfloat16


@dataclass(frozen=True, slots=True)
class NetFit:
    """One net that is to be fitted.

    Attributes:
        member: Fold, seed and report.
        spec: The net.
        recipe: How it learns.
        options: How its pack is trained.
        dropout: Share of hidden values set to zero while training.
        sigma: Standard deviation of the initial frequencies of a periodic embedding.
    """

    member: PackMember
    spec: NetSpec
    recipe: Recipe
    options: LoopOptions
    dropout: float
    sigma: float

    @property
    def layout(self) -> tuple[NetSpec, LoopOptions, int]:
        """What nets of one pack have in common: spec, options, and batches of an epoch."""
        n_rows = len(self.member.fold.y_train)
        n_batches = n_rows // self.options.batch_size
        return self.spec, self.options, n_batches or -n_rows


def fit_nets(fits: Sequence[NetFit], context: TrialContext) -> list[FittedModel | Exception]:
    """Trains nets in as few packs as their shapes and the device allow.

    On a CPU packs are trained side by side, a thread each: the threads of one would wait for one
    another after every product.

    Args:
        fits: What is to be fitted.
        context: The slot; its limits are for all packs together.

    Returns:
        A model for each, or what its report or metric raised.
    """
    device, stop_at = torch.device(context.device), _stop_at(context)
    n_cores = context.n_threads if device.type == "cpu" else 1
    packs = _packs(fits, MOST_VALUES[device.type], n_cores)
    n_beside = min(n_cores, len(packs))

    def fit(number: int) -> list[FittedModel | Exception]:
        torch.set_num_threads(context.n_threads // n_beside)  # of this thread of Python
        own_end, places = stop_at, packs[number]
        if stop_at is not None:
            now, n_left = time.monotonic(), sum(map(len, packs[number:]))
            own_end = now + (stop_at - now) * min(1.0, n_beside * len(places) / n_left)
        return _fit_pack([fits[place] for place in places], context, device, own_end)

    for one in fits:
        fold_inputs(one.member.fold, device)  # else two threads might do it at once
    with threads(context.n_threads), ThreadPoolExecutor(n_beside) as pool:
        found = (pool.map if n_beside > 1 else map)(fit, range(len(packs)))
        outcomes = dict(zip(chain(*packs), chain(*found), strict=True))
    return [outcomes[place] for place in range(len(fits))]


def _stop_at(context: TrialContext) -> float | None:
    """``time.monotonic()`` at which training should be over, or None."""
    seconds = _DEADLINE_SHARE * context.time_left_s
    if context.time_limit_s is not None:
        seconds = min(seconds, _LIMIT_SHARE * context.time_limit_s)
    return None if seconds == float("inf") else time.monotonic() + seconds


def _packs(fits: Sequence[NetFit], most_values: int, n_cores: int) -> list[list[int]]:
    """Places of fits of one layout, in packs of about equal size.

    Args:
        fits: What is to be fitted.
        most_values: The most hidden values of one layer for a batch of all members.
        n_cores: At least so many packs are made, where there are so many fits.
    """
    groups: dict[Any, list[int]] = {}
    for place, fit in enumerate(fits):
        groups.setdefault(fit.layout, []).append(place)
    packs = []
    for (spec, options, _), places in groups.items():
        values = options.batch_size * spec.width * spec.k
        n_packs = -(-len(places) // max(1, most_values // values))
        parts = np.array_split(places, max(n_packs, min(n_cores, len(places))))
        packs += [part.tolist() for part in parts]
    return packs


def _fit_pack(
    fits: Sequence[NetFit], context: TrialContext, device: torch.device, stop_at: float | None
) -> list[FittedModel | Exception]:
    levels = context.shape.quantiles
    is_classification = context.task.is_classification
    scales: dict[int, OutputScale | None] = {}
    train_parts: dict[int, Rows] = {}
    for fold in (fit.member.fold for fit in fits):
        if id(fold) not in scales:
            scale = None if is_classification else _output_scale(fold.y_train, bool(levels))
            scales[id(fold)] = scale
            train_parts[id(fold)] = replace(
                fold_inputs(fold, device).train,
                target=_target(fold, scale, device),
                weight=_weight(fold, device),
            )
    folds = [fit.member.fold for fit in fits]
    valid_parts = [fold_inputs(fold, device).valid for fold in folds]
    pack = Pack([_start(fit).to(device) for fit in fits])
    members = [
        Member(
            fit.recipe, _judge(fit.member, scales[id(fit.member.fold)], context), fit.member.seed
        )
        for fit in fits
    ]
    options = replace(
        fits[0].options,
        stop_at=stop_at,
        mixed_precision=fits[0].options.mixed_precision
        and device.type == "cuda"
        and fits[0].spec.width >= _MIXED_FROM_WIDTH,
    )
    rows = PackRows([train_parts[id(fold)] for fold in folds])
    train(pack, members, rows, PackRows(valid_parts), _loss(context), options)
    return [
        member.failure or _fitted(member, fit.member.fold, scales[id(fit.member.fold)], context)
        for member, fit in zip(members, fits, strict=True)
    ]


def _start(fit: NetFit) -> TabularNet:
    """The net before training, from its own seed: whatever else is in the pack."""
    inputs = fold_inputs(fit.member.fold, torch.device("cpu"))
    with _ALONE, torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.member.seed)
        seed = int(torch.randint(2**62, ()))
        rows = inputs.train
        return TabularNet(fit.spec, Start(rows.numeric, rows.codes, fit.sigma, fit.dropout, seed))


def _judge(
    member: PackMember, scale: OutputScale | None, context: TrialContext
) -> Callable[[int, Tensor], float]:
    fold, metric = member.fold, context.metric

    def judge(epoch: int, output: Tensor) -> float:
        prediction = to_prediction(output, scale)
        score = metric.score(fold.y_valid, prediction, fold.weight_valid)
        with _ALONE:
            member.report(epoch, score)
        return metric.loss(score)

    return judge


def _fitted(
    member: Member, fold: Fold, scale: OutputScale | None, context: TrialContext
) -> FittedNet:
    assert member.net is not None
    inputs = fold_inputs(fold, torch.device("cpu"))
    return FittedNet(
        member.net,
        inputs.centre,
        inputs.factor,
        fold.features.categorical,
        fold.X_train.shape[1],
        scale,
        context.n_threads,
    )


def _loss(context: TrialContext) -> Loss:
    if context.task.is_classification:
        return cross_entropy
    return pinball(context.shape.quantiles) if context.shape.quantiles else squared_error


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
