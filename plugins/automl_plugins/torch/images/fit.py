"""Trains nets from params and the images of a fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from automl.plugin import Fold, Params, Report, Rows, TrialContext
from automl_plugins.torch.core.outputs import n_outputs_of
from automl_plugins.torch.images.augment import Augmentation
from automl_plugins.torch.images.nets import CnnSpec, ImageNet
from automl_plugins.torch.media.fit import Forward, fit_net
from automl_plugins.torch.media.fitted_net import MediaModel

__all__ = ["fit_cnn", "fit_images"]

_RESIDENT_BYTES = 1 << 30  # images kept on a GPU in training; more are read in batches


def fit_cnn(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> MediaModel:
    """Trains a convolutional net from scratch; arguments as in ``fit_images``."""
    own = {name: params[name] for name in ("block", "whitened", "width")}

    def make_net(common: Mapping[str, Any]) -> ImageNet:
        return ImageNet(CnnSpec(**common, **own))

    return fit_images(make_net, params, fold, context, report, max_epochs)


def fit_images(
    make_net: Callable[[Mapping[str, Any]], ImageNet],
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    max_epochs: int,
) -> MediaModel:
    """Trains one net on augmented images.

    Args:
        make_net: Creates a net from the fields of ``ImageSpec``.
        params: Params of the family's search space.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with the validation score after each epoch.
        max_epochs: Largest number of epochs, whatever the params.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    augmentation = Augmentation(**{f.name: params[f.name] for f in fields(Augmentation)})

    def prepare(device: torch.device, generator: torch.Generator) -> tuple[ImageNet, Forward]:
        net = make_net(_common(params, fold, context))
        net.prepare(fold.images_train)
        net.to(device)
        source = _Source(fold.train, device)

        def forward(rows: Tensor, epoch: int) -> Tensor:
            scaled = net.scaled(*source.batch(rows))
            changed = [augmentation.apply(x, rows, epoch, generator) for x in scaled]
            return net.joined(changed)

        return net, forward

    return fit_net(prepare, params, fold, context, report, max_epochs)


def _common(params: Params, fold: Fold, context: TrialContext) -> dict[str, Any]:
    """Fields of ``ImageSpec``."""
    return {
        "images": tuple(images.shape for images in fold.images_train),
        "n_outputs": n_outputs_of(context),
        **{name: params[name] for name in ("dropout", "flip", "views")},
    }


class _Source:
    """Provides batches of images, from the GPU if they fit, else from the memory map."""

    def __init__(self, rows: Rows, device: torch.device) -> None:
        n_bytes = sum(len(images) * images.pixels[:1].nbytes for images in rows.images)
        self._images, self._device = rows.images, device
        self._resident: list[Tensor] = []
        if device.type == "cuda" and n_bytes <= _RESIDENT_BYTES:
            self._resident = [torch.from_numpy(i.read()).to(device) for i in rows.images]

    def batch(self, rows: Tensor) -> list[Tensor]:
        """One tensor per column, ``(n_batch, height, width, channels)`` (uint8)."""
        if self._resident:
            return [images[rows.to(self._device)] for images in self._resident]
        numbers = rows.numpy()
        return [torch.from_numpy(i[numbers].read()).to(self._device) for i in self._images]
