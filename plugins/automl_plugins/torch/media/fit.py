"""Creates and trains a net from params and a fold, for any kind of inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch.core.checkpoint import checkpoint_of
from automl_plugins.torch.core.outputs import loss_of, n_outputs_of, scale_of, target_of, weight_of
from automl_plugins.torch.core.schedule import deadline_of
from automl_plugins.torch.core.threads import torch_threads
from automl_plugins.torch.core.validation import FEWEST_STAGES, Validation, n_stages_of
from automl_plugins.torch.media.adamw import Group, Optimiser
from automl_plugins.torch.media.fitted_net import MediaModel, MediaNet, predict_rows
from automl_plugins.torch.media.training import OneCycleConfig, train_net

__all__ = ["Forward", "Prepare", "fit_net"]

Forward: TypeAlias = Callable[[Tensor, int], Tensor]
"""Outputs for training rows ``(n_batch,)`` in an epoch, from 0: ``(n_batch, n_outputs)``."""

Prepare: TypeAlias = Callable[[torch.device, torch.Generator], tuple[MediaNet, Forward]]
"""Creates a net on a device, and its outputs for training; all random numbers come from the
generator."""

_PATIENCE_SHARE = 0.4  # share of the epochs
_MIN_PATIENCE = 5
_CLIP_NORM = 2.0


def fit_net(
    prepare: Prepare,
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    max_epochs: int,
) -> MediaModel:
    """Trains a net with one cycle of AdamW and keeps the weights of its best epoch.

    Args:
        prepare: Creates the net.
        params: Params, of which ``epochs``, ``batch_size``, ``lr``, ``weight_decay`` and
            ``label_smoothing`` are used here.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with the score of each epoch.
        max_epochs: Largest number of epochs, whatever the params.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    due, device = deadline_of(context), torch.device(context.device)
    forked = [device] if device.type == "cuda" else []
    with torch_threads(context.n_threads), torch.random.fork_rng(devices=forked):
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
        judge = Validation(fold, context, report, n_epochs, max(FEWEST_STAGES, n_stages))

        def final() -> NDArray[Any]:
            return predict_rows(net.final_outputs, valid, scale)

        def evaluate(epoch: int, progress: float) -> float:
            if not len(fold.y_valid):
                return 0.0  # all epochs count as equal
            prediction = predict_rows(net.outputs, valid, scale)
            return judge.evaluate(epoch, progress, prediction, final if net.n_looks > 1 else None)

        options = OneCycleConfig(
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
    return MediaModel(net.cpu(), scale, context.n_threads, judge.stages)


def _groups(net: MediaNet, lr: float, weight_decay: float) -> list[Group]:
    """Groups of weights: only matrices decay, not biases and factors of norms."""
    learnt = [p for p in net.parameters() if p.requires_grad]
    matrices, others = ([p for p in learnt if (p.ndim > 1) is many] for many in (True, False))
    return [Group(matrices, lr, weight_decay), Group(others, lr, 0.0)]
