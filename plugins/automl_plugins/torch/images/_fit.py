"""From params and the images of a fold to a trained net."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from automl.plugin import Fold, Params, Report, Rows, TrialContext
from automl_plugins.torch.images._augment import Augmentation
from automl_plugins.torch.images._nets import CnnSpec, ImageNet
from automl_plugins.torch.media._fitted import FittedNet, predict_rows, threads
from automl_plugins.torch.media._outputs import goal_of
from automl_plugins.torch.media._training import CycleOptions, stop_at, train

__all__ = ["fit_cnn"]

_PATIENCE_SHARE = 0.4  # of the epochs
_MIN_PATIENCE = 4
_CLIP_NORM = 2.0
_RESIDENT_BYTES = 1 << 30  # images that a GPU keeps while it trains; more are read batch by batch


def fit_cnn(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> FittedNet:
    """Trains one net; it ends with the weights of its best epoch.

    Args:
        params: A point of the family's search space.
        fold: Its images.
        context: The slot.
        report: Told the validation score after each epoch.
        max_epochs: The most epochs, whatever the params say.

    Raises:
        TrialPruned: As raised by ``report``.
    """
    due, device = stop_at(context), torch.device(context.device)
    forked = [device] if device.type == "cuda" else []
    with threads(context.n_threads), torch.random.fork_rng(devices=forked):
        torch.manual_seed(context.seed)
        net = _net(params, fold, context).to(device)
        goal = goal_of(fold, context, params["label_smoothing"], device)
        generator = torch.Generator().manual_seed(context.seed)
        augmentation = Augmentation(
            **{name: params[name] for name in Augmentation.__dataclass_fields__}
        )
        source = _Source(fold.train, device)

        def loss(rows: Tensor, epoch: int) -> Tensor:
            scaled = [
                augmentation.apply(tower.scaled(pixels), rows, epoch, generator)
                for tower, pixels in zip(net.towers, source.batch(rows), strict=True)
            ]
            return goal.loss(net.joined(scaled), rows.to(device))

        def evaluate(epoch: int) -> float:
            prediction = predict_rows(net, fold.valid, goal.scale)
            score = context.metric.score(fold.y_valid, prediction, fold.weight_valid)
            report(epoch, score)
            return context.metric.loss(score)

        n_epochs = min(params["epochs"], max_epochs)
        options = CycleOptions(
            n_epochs=n_epochs,
            batch_size=params["batch_size"],
            patience=max(_MIN_PATIENCE, round(_PATIENCE_SHARE * n_epochs)),
            clip_norm=_CLIP_NORM,
            stop_at=due,
        )
        optimiser = torch.optim.AdamW(_groups(net, params), fused=True)
        train(net, optimiser, len(fold.y_train), loss, evaluate, options, generator)
    return FittedNet(net.cpu(), goal.scale, context.n_threads)


def _net(params: Params, fold: Fold, context: TrialContext) -> ImageNet:
    spec = CnnSpec(
        images=tuple(images.shape for images in fold.images_train),
        n_outputs=context.shape.n_classes or 1,
        block=params["block"],
        whitened=params["whitened"],
        width=params["width"],
        dropout=params["dropout"],
        flip=params["flip"],
        views=params["views"],
    )
    net = ImageNet(spec)
    for tower, images in zip(net.towers, fold.images_train, strict=True):
        tower.prepare(images)
    return net


def _groups(net: ImageNet, params: Params) -> list[dict[str, Any]]:
    """Weights decay; biases and the factors of norms do not."""
    learnt = [p for p in net.parameters() if p.requires_grad]
    return [
        {
            "params": [p for p in learnt if p.ndim > 1],
            "lr": params["lr"],
            "weight_decay": params["weight_decay"],
        },
        {"params": [p for p in learnt if p.ndim <= 1], "lr": params["lr"], "weight_decay": 0.0},
    ]


class _Source:
    """Gives the images of batches: from the GPU, where they fit, else read from the map."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        n_bytes = sum(len(images) * images.pixels[:1].nbytes for images in rows.images)
        is_resident = device.type == "cuda" and n_bytes <= _RESIDENT_BYTES
        self._rows, self._device = rows, device
        self._resident = (
            [torch.from_numpy(images.read()).to(device) for images in rows.images]
            if is_resident
            else None
        )

    def batch(self, rows: Tensor) -> list[Tensor]:
        """One tensor for each column, ``(n_batch, height, width, channels)`` (uint8)."""
        if self._resident is not None:
            return [images[rows.to(self._device)] for images in self._resident]
        numbers = rows.numpy()
        return [
            torch.from_numpy(images[numbers].read()).to(self._device)
            for images in self._rows.images
        ]
