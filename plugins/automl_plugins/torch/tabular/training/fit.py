"""Trains nets from params and encoded folds."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from automl.plugin import FittedModel, Fold, PackFit, TrialContext
from automl_plugins.torch.core.batch_sizes import MOST_VALUES
from automl_plugins.torch.core.checkpoint import checkpoint_of
from automl_plugins.torch.core.outputs import (
    OutputScale,
    loss_of,
    n_outputs_of,
    scale_of,
    target_of,
    to_prediction,
    weight_of,
)
from automl_plugins.torch.core.schedule import deadline_of
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.core.validation import Validation, n_stages_of
from automl_plugins.torch.tabular.nets.net import NetInit, NetSpec, TabularNet
from automl_plugins.torch.tabular.training.fitted_net import TabularModel
from automl_plugins.torch.tabular.training.fold_tensors import FoldTensors, PackTensors, fold_inputs
from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.pack_training import PackOptions, train_pack
from automl_plugins.torch.tabular.training.packed_net import PackedNet
from automl_plugins.torch.tabular.training.train_config import TrainConfig

__all__ = ["NetJob", "fit_nets"]

_ALONE = Lock()  # guards torch's random state, and reports
_MIXED_FROM_WIDTH = 256  # narrower products are not faster in bfloat16


@dataclass(frozen=True, slots=True)
class NetJob:
    """One net to fit.

    Attributes:
        member: Fold, seed and report.
            spec: Spec of the net.
        config: Training options of the net.
        options: Training options of its pack.
        dropout: Share of hidden values set to zero in training.
            sigma: Standard deviation of the initial frequencies of a periodic embedding.
        most_beside: Fits of the largest possible pack.
    """

    member: PackFit
    spec: NetSpec
    config: TrainConfig
    options: PackOptions
    dropout: float
    sigma: float
    most_beside: int = 1

    @property
    def layout(self) -> tuple[NetSpec, PackOptions, int]:
        """Common values of the nets of a pack: spec, options, and batches per epoch."""
        n_rows = len(self.member.fold.y_train)
        n_batches = n_rows // self.options.batch_size
        return self.spec, self.options, n_batches or -n_rows


def fit_nets(fits: Sequence[NetJob], context: TrialContext) -> list[FittedModel | Exception]:
    """Trains nets in as few packs as their specs and the device allow.

    On a CPU packs train in parallel, one thread each: the threads of a single pack would wait for
    one another after every product.

    Args:
        fits: Nets to fit.
        context: Context of the fit, whose limits apply to all packs together.

    Returns:
        For each net its model, or the exception of its report or metric.
    """
    device, end = torch.device(context.device), deadline_of(context)
    n_cores = context.n_threads if device.type == "cpu" else 1
    packs = _packs(fits, MOST_VALUES[device.type], n_cores)
    n_beside = min(n_cores, len(packs))

    def fit(number: int) -> list[FittedModel | Exception]:
        torch.set_num_threads(context.n_threads // n_beside)  # for this Python thread
        own_end, places = end, packs[number]
        if end is not None:
            now, n_left = context.clock(), sum(map(len, packs[number:]))
            own_end = now + (end - now) * min(1.0, n_beside * len(places) / n_left)
        return _fit_pack([fits[place] for place in places], context, device, own_end)

    for one in fits:
        fold_inputs(one.member.fold, device)  # before threads start, which could do it twice
    with torch_threads(context.n_threads), ThreadPoolExecutor(n_beside) as pool:
        found = (pool.map if n_beside > 1 else map)(fit, range(len(packs)))
        outcomes = dict(zip(chain(*packs), chain(*found), strict=True))
    return [outcomes[place] for place in range(len(fits))]


def _packs(fits: Sequence[NetJob], most_values: int, n_cores: int) -> list[list[int]]:
    """Numbers of fits with the same layout, in packs of about equal size.

    Args:
        fits: Nets to fit.
        most_values: Largest number of hidden values of one layer for a batch of all members.
        n_cores: Smallest number of packs, if there are enough fits.
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
    fits: Sequence[NetJob], context: TrialContext, device: torch.device, end: float | None
) -> list[FittedModel | Exception]:
    scales: dict[int, OutputScale | None] = {}
    train_parts: dict[int, FoldTensors] = {}
    for fold in (fit.member.fold for fit in fits):
        if id(fold) not in scales:
            scales[id(fold)] = scale = scale_of(fold, context)
            train_parts[id(fold)] = replace(
                fold_inputs(fold, device).train,
                target=target_of(fold, scale, device),
                weight=weight_of(fold, device),
            )
    folds = [fit.member.fold for fit in fits]
    valid_parts = [fold_inputs(fold, device).valid for fold in folds]
    pack = Pack([_start(fit).to(device) for fit in fits])
    judges = [_judge(fit, context) for fit in fits]
    members = [
        _member(fit, judge, scales[id(fit.member.fold)])
        for fit, judge in zip(fits, judges, strict=True)
    ]
    options = replace(
        fits[0].options,
        stop_at=end,
        clock=context.clock,
        mixed_precision=fits[0].options.mixed_precision
        and device.type == "cuda"
        and fits[0].spec.width >= _MIXED_FROM_WIDTH,
    )
    rows = PackTensors([train_parts[id(fold)] for fold in folds])
    checkpoint = checkpoint_of(context, [(fit.member.params, fit.member.seed) for fit in fits])
    train_pack(pack, members, rows, PackTensors(valid_parts), loss_of(context), options, checkpoint)
    return [
        member.failure
        or replace(
            _fitted(member, fit.member.fold, scales[id(fit.member.fold)], context),
            stages=judge.stages,
        )
        for member, fit, judge in zip(members, fits, judges, strict=True)
    ]


def _start(fit: NetJob) -> TabularNet:
    """The net before training, initialised from its own seed only."""
    inputs = fold_inputs(fit.member.fold, torch.device("cpu"))
    with _ALONE, torch.random.fork_rng(devices=[]):
        torch.manual_seed(fit.member.seed)
        seed = int(torch.randint(2**62, ()))
        rows = inputs.train
        return TabularNet(fit.spec, NetInit(rows.numeric, rows.codes, fit.sigma, fit.dropout, seed))


def _judge(fit: NetJob, context: TrialContext) -> Validation:
    fold = fit.member.fold

    def report(step: int, score: float) -> None:
        with _ALONE:
            fit.member.report(step, score)

    n_stages = n_stages_of(len(fold.y_valid), n_outputs_of(context), fit.most_beside)
    return Validation(fold, context, report, fit.options.n_epochs, n_stages)


def _member(fit: NetJob, judge: Validation, scale: OutputScale | None) -> PackedNet:
    """The net as a member of its pack; it does not stop early with too few validation rows."""

    def look(epoch: int, progress: float, output: Tensor) -> float:
        return judge.evaluate(epoch, progress, to_prediction(output, scale))

    recipe = replace(fit.config, end=judge.end)
    if not judge.stops:
        recipe = replace(recipe, patience=None)
    return PackedNet(recipe, look, fit.member.seed, judge.log)


def _fitted(
    member: PackedNet, fold: Fold, scale: OutputScale | None, context: TrialContext
) -> TabularModel:
    assert member.net is not None
    inputs = fold_inputs(fold, torch.device("cpu"))
    return TabularModel(
        member.net,
        inputs.centre,
        inputs.factor,
        fold.features.categorical,
        fold.X_train.shape[1],
        scale,
        context.n_threads,
    )
