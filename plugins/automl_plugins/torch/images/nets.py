"""Small convolutional nets for images of 28 to 96 pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from automl.plugin import Images, Rows
from automl_plugins.torch.media.fitted_net import MediaNet

__all__ = ["CnnSpec", "ImageNet", "ImageSpec", "ScaledTower", "Tower", "build", "shapes_of"]

_LAST_SIDE = 4  # stages halve the image until its shorter side has at most so many pixels
_MOMENTUM = 0.3  # of batch statistics: there are few batches
_STATISTICS_IMAGES = 2_000
_PATCH = 3
_TEST_SHIFT = 1  # pixels


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What all nets of images have in common.

    Attributes:
        images: Height, width and channels of each column of images.
        n_outputs: Outputs.
        dropout: Before the last layer.
        flip: Whether an image and its mirror image mean the same.
        views: Whether predictions are means over moved copies, and mirrored ones with ``flip``.
    """

    images: tuple[tuple[int, int, int], ...]
    n_outputs: int
    dropout: float
    flip: bool
    views: bool


@dataclass(frozen=True, slots=True)
class CnnSpec(ImageSpec):
    """Shape of a net, and how it predicts.

    Attributes:
        block: ``residual`` (He et al. 2016, arXiv 1512.03385) or ``plain``, as in airbench
            (arXiv 2404.00498): convolution, pool, convolution.
        whitened: Whether the first filters are fixed, and whiten patches of the training images
            (arXiv 2404.00498, section 3.2).
        width: Filters of the first stage; each later one has twice as many, up to four times.
    """

    block: str
    whitened: bool
    width: int


def build(values: Mapping[str, Any]) -> ImageNet:
    """Makes a net from the values of its spec, as JSON has them."""
    return ImageNet(CnnSpec(**{**values, "images": shapes_of(values)}))


def shapes_of(values: Mapping[str, Any]) -> tuple[tuple[int, int, int], ...]:
    """The shapes of images in the values of a spec, as JSON has them."""
    return tuple((int(h), int(w), int(c)) for h, w, c in values["images"])


class ImageNet(MediaNet):
    """A tower for each column of images, and one linear layer over all.

    Shape:
        Images ``(n_rows, height, width, channels)`` (uint8), one tensor for each column, to
        ``(n_rows, n_outputs)``.

    Args:
        spec: Its shape.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec
        towers = [self.make_tower(shape) for shape in spec.images]
        self.columns = nn.ModuleList(towers)
        self.dropout = nn.Dropout(spec.dropout)
        self.output = nn.Linear(sum(tower.n_features for tower in towers), spec.n_outputs)

    def make_tower(self, shape: tuple[int, int, int]) -> ScaledTower:
        """Makes the tower of a column of images of some height, width and channels."""
        return Tower(shape, self.spec.block, self.spec.width, self.spec.whitened)

    @property
    def towers(self) -> list[ScaledTower]:
        """One for each column of images."""
        return [cast(ScaledTower, tower) for tower in self.columns]

    def prepare(self, images: Sequence[Images]) -> None:
        """Fits scales, and filters that are not learnt, to training images, one for each column."""
        for tower, column in zip(self.towers, images, strict=True):
            tower.prepare(column)

    def forward(self, *images: Tensor) -> Tensor:
        """Outputs of images as they are."""
        return self.joined(self.scaled(*images))

    def scaled(self, *images: Tensor) -> list[Tensor]:
        """Images of mean 0 and deviation 1, ``(n_rows, channels, height, width)`` each."""
        return [tower.scaled(x) for tower, x in zip(self.towers, images, strict=True)]

    def joined(self, scaled: list[Tensor]) -> Tensor:
        """Outputs of scaled images, ``(n_rows, channels, height, width)`` each."""
        features = [tower(x) for tower, x in zip(self.towers, scaled, strict=True)]
        output: Tensor = self.output(self.dropout(torch.cat(features, dim=1)))
        return output

    def inputs_of(self, rows: Rows) -> tuple[Tensor, ...]:
        """The images of some rows."""
        device = self.output.weight.device
        return tuple(torch.from_numpy(images.read()).to(device) for images in rows.images)

    @property
    def n_looks(self) -> int:
        """One for each view."""
        if not self.spec.views:
            return 1
        return 6 if self.spec.flip else 3

    def final_outputs(self, rows: Rows, are_classes: bool) -> Tensor:
        """The mean over all views of the images."""
        views = self._views(self.scaled(*self.inputs_of(rows)))
        found = [self.joined(view).double() for view in views]
        return torch.stack([o.softmax(-1) if are_classes else o for o in found]).mean(dim=0)

    def _views(self, scaled: list[Tensor]) -> list[list[Tensor]]:
        """The images themselves, mirrored, and moved by a pixel two ways."""
        if not self.spec.views:
            return [scaled]
        both = [scaled, [x.flip(-1) for x in scaled]] if self.spec.flip else [scaled]
        moved = [[_moved(x, by) for x in view] for view in both for by in (-1, 1)]
        return [*both, *moved]


def _moved(images: Tensor, by: int) -> Tensor:
    """Moves images down and to the right, or up and to the left; the border repeats itself."""
    size = _TEST_SHIFT
    padded = functional.pad(images, (size,) * 4, mode="replicate")
    height, width = images.shape[-2:]
    start = size * (1 - by)
    return padded[..., start : start + height, start : start + width]


def _pixel_statistics(images: Images) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, from 0 to 1, of some images, each ``(channels,)``."""
    some = images[:: max(1, len(images) // _STATISTICS_IMAGES)].read().astype("float64") / 255.0
    flat = torch.from_numpy(some.reshape(-1, some.shape[-1])).float()
    deviation = flat.std(dim=0, correction=0)
    return flat.mean(dim=0), torch.where(deviation > 0, deviation, torch.ones_like(deviation))


class ScaledTower(nn.Module):
    """What turns one column of images into features, after it has scaled them.

    Args:
        n_channels: Of the images.

    Attributes:
        n_features: Features that ``forward`` gives.
    """

    mean: Tensor
    deviation: Tensor
    n_features: int

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("deviation", torch.ones(n_channels))

    def scaled(self, images: Tensor) -> Tensor:
        """Bytes ``(n, height, width, channels)`` as floats ``(n, channels, height, width)``."""
        return (((images.float() / 255.0) - self.mean) / self.deviation).permute(0, 3, 1, 2)

    def prepare(self, images: Images) -> None:
        """Fits the scale to training images."""
        with torch.no_grad():
            mean, deviation = _pixel_statistics(images)
            self.mean.copy_(mean)
            self.deviation.copy_(deviation)

    def forward(self, scaled: Tensor) -> Tensor:
        """Features ``(n_rows, n_features)``."""
        raise NotImplementedError


class Tower(ScaledTower):
    """Stages of convolutions over one column of images; the mean and the maximum of the last.

    Args:
        shape: Height, width and channels.
        block, width, whitened: As in ``CnnSpec``.
    """

    def __init__(self, shape: tuple[int, int, int], block: str, width: int, whitened: bool) -> None:
        side, n_channels = min(shape[:2]), shape[2]
        super().__init__(n_channels)
        stem_width = 2 * n_channels * _PATCH**2 if whitened else width
        stride = 2 if side >= 64 else 1
        self.stem = nn.Conv2d(
            n_channels, stem_width, _PATCH, stride=stride, padding=1, bias=not whitened
        )
        self.stem.weight.requires_grad = not whitened
        stages: list[nn.Module] = [] if whitened else [_norm(stem_width)]
        stages.append(nn.GELU())
        side, n_inputs, n_outputs = side // stride, stem_width, width
        kind = _ResidualStage if block == "residual" else _PlainStage
        while side > _LAST_SIDE or len(stages) < 3:
            stages.append(kind(n_inputs, n_outputs, halve=side > 1))
            n_inputs, n_outputs = n_outputs, min(2 * n_outputs, 4 * width)
            side = max(1, side // 2)
        self.stages = nn.Sequential(*stages)
        self.n_features = 2 * n_inputs

    def prepare(self, images: Images) -> None:
        """Fits scale, and filters that are not learnt, to training images."""
        super().prepare(images)
        if not self.stem.weight.requires_grad:
            some = images[:: max(1, len(images) // _STATISTICS_IMAGES)].read()
            with torch.no_grad():
                filters = _whitening_filters(self.scaled(torch.from_numpy(some)))
                self.stem.weight.copy_(torch.cat((filters, -filters)))

    def forward(self, scaled: Tensor) -> Tensor:
        """Features ``(n_rows, n_features)``."""
        maps = self.stages(self.stem(scaled))
        return torch.cat((maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))), dim=1)


def _whitening_filters(images: Tensor) -> Tensor:
    """Filters whose outputs on patches of the images have variance 1 and no covariance."""
    n_channels = images.shape[1]
    short = [max(0, _PATCH - side) for side in images.shape[2:]]
    images = functional.pad(images, (0, short[1], 0, short[0]), mode="replicate")
    patches = images.unfold(2, _PATCH, 2).unfold(3, _PATCH, 2).permute(0, 2, 3, 1, 4, 5)
    flat = patches.reshape(-1, n_channels * _PATCH**2).double()
    covariance = flat.T @ flat / max(1, len(flat))
    values, vectors = torch.linalg.eigh(covariance)
    # Directions in which patches hardly differ would be nothing but noise made large.
    factor = (values.clamp_min(0) + 1e-2 * values.amax().clamp_min(1e-6)).rsqrt()
    filters: Tensor = (vectors * factor).T.reshape(-1, n_channels, _PATCH, _PATCH).float()
    return filters


def _norm(n_channels: int) -> nn.Module:
    return nn.BatchNorm2d(n_channels, momentum=_MOMENTUM)


class _PlainStage(nn.Module):
    """Convolution, pool, norm and activation; convolution, norm and activation."""

    def __init__(self, n_inputs: int, n_outputs: int, halve: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False),
            nn.MaxPool2d(2, ceil_mode=True) if halve else nn.Identity(),
            _norm(n_outputs),
            nn.GELU(),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False),
            _norm(n_outputs),
            nn.GELU(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        output: Tensor = self.layers(maps)
        return output


class _ResidualStage(nn.Module):
    """Pool, then two convolutions beside a shortcut."""

    def __init__(self, n_inputs: int, n_outputs: int, halve: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if halve else nn.Identity()
        self.shortcut = (
            nn.Identity()
            if n_inputs == n_outputs
            else nn.Conv2d(n_inputs, n_outputs, 1, bias=False)
        )
        self.branch = nn.Sequential(
            nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False),
            _norm(n_outputs),
            nn.GELU(),
            nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False),
            _norm(n_outputs),
        )

    def forward(self, maps: Tensor) -> Tensor:
        pooled = self.pool(maps)
        return functional.gelu(self.shortcut(pooled) + self.branch(pooled))
