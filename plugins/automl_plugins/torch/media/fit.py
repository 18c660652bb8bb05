"""From params and a fold to a trained net, whatever it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch.core.checkpoint import checkpoint_of
from automl_plugins.torch.core.outputs import loss_of, n_outputs_of, scale_of, target_of, weight_of
from automl_plugins.torch.core.schedule import stop_at
from automl_plugins.torch.core.threads import threads
from automl_plugins.torch.core.validation import FEWEST_STAGES, Judge, n_stages_of
from automl_plugins.torch.media.adamw import Group, Optimiser
from automl_plugins.torch.media.fitted_net import FittedNet, MediaNet, predict_rows
from automl_plugins.torch.media.training import CycleOptions, train_net

__all__ = ["Forward", "Prepare", "fit_net"]

Forward: TypeAlias = Callable[[Tensor, int], Tensor]
"""Outputs for training rows ``(n_batch,)`` in an epoch, from 0: ``(n_batch, n_outputs)``."""

Prepare: TypeAlias = Callable[[torch.device, torch.Generator], tuple[MediaNet, Forward]]
"""Makes a net on a device, and its outputs for training; all that is drawn for these comes from
the generator."""

_PATIENCE_SHARE = 0.4  # of the epochs
_MIN_PATIENCE = 5
_CLIP_NORM = 2.0


def fit_net(
    prepare: Prepare,
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    max_epochs: int,
) -> FittedNet:
    """Trains a net with one cycle of AdamW; it ends with the weights of its best epoch.

    Args:
        prepare: Makes the net.
        params: ``epochs``, ``batch_size``, ``lr``, ``weight_decay`` and ``label_smoothing`` are
            looked at here.
        fold: Its rows.
        context: The slot.
        report: Told the score of each epoch.
        max_epochs: The most epochs, whatever the params say.

    Raises:
        TrialPruned: As raised by ``report``.
    """
    due, device = stop_at(context), torch.device(context.device)
    forked = [device] if device.type == "cuda" else []
    with threads(context.n_threads), torch.random.fork_rng(devices=forked):
        torch.manual_seed(context.seed)
        generator = torch.Generator().manual_seed(context.seed)
        net, forward = prepare(device, generator)
        valid = net.read(fold.valid)
        scale, loss_of_pack = scale_of(fold, context), loss_of(context)
        target, weight = target_of(fold, scale, device), weight_of(fold, device)
        smoothing = torch.tensor([params["label_smoothing"]], device=device)

        def loss(rows: Tensor, epoch: int) -> Tensor:
            output, places = forward(rows, epoch), rows.to(device)
            own_weight = None if weight is None else weight[None, places]
            return loss_of_pack(output[None], target[None, places], own_weight, smoothing)[0]

        n_epochs = min(params["epochs"], max_epochs)
        n_stages = n_stages_of(len(fold.y_valid), n_outputs_of(context)) // net.n_looks
        judge = Judge(fold, context, report, n_epochs, max(FEWEST_STAGES, n_stages))

        def final() -> NDArray[Any]:
            return predict_rows(net.final_outputs, valid, scale)

        def evaluate(epoch: int, progress: float) -> float:
            if not len(fold.y_valid):
                return 0.0  # all epochs are alike
            prediction = predict_rows(net.outputs, valid, scale)
            return judge.look(epoch, progress, prediction, final if net.n_looks > 1 else None)

        options = CycleOptions(
            n_epochs=n_epochs,
            batch_size=params["batch_size"],
            patience=max(_MIN_PATIENCE, 1 + round(_PATIENCE_SHARE * n_epochs))
            if judge.stops
            else None,
            end=judge.end,
            clip_norm=_CLIP_NORM,
            stop_at=due,
            clock=context.clock,
        )
        optimiser = Optimiser(_groups(net, params["lr"], params["weight_decay"]))
        checkpoint = checkpoint_of(context, [(params, context.seed)])
        n_rows = len(fold.y_train)
        train_net(net, optimiser, n_rows, loss, evaluate, options, generator, judge.log, checkpoint)
    return FittedNet(net.cpu(), scale, context.n_threads, judge.stages)


def _groups(net: MediaNet, lr: float, weight_decay: float) -> list[Group]:
    """Matrices decay; biases and the factors of norms do not."""
    learnt = [p for p in net.parameters() if p.requires_grad]
    matrices, others = ([p for p in learnt if (p.ndim > 1) is many] for many in (True, False))
    return [Group(matrices, lr, weight_decay), Group(others, lr, 0.0)]
