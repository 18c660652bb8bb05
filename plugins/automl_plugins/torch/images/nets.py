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

_LAST_SIDE = 4  # stages halve the image until its shorter side has at most this number of pixels
_MOMENTUM = 0.3  # of batch statistics: there are few batches
_STATISTICS_IMAGES = 2_000
_PATCH = 3
_TEST_SHIFT = 1  # pixels


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """Fields common to all nets for images.

    Attributes:
        images: Height, width and channels of each image column.
        n_outputs: Number of outputs.
        dropout: Dropout before the last layer.
        flip: True if mirror images have the same meaning.
        views: True to average predictions over shifted copies, and mirrored ones with ``flip``.
    """

    images: tuple[tuple[int, int, int], ...]
    n_outputs: int
    dropout: float
    flip: bool
    views: bool


@dataclass(frozen=True, slots=True)
class CnnSpec(ImageSpec):
    """Spec of a convolutional net.

    Attributes:
        block: ``residual`` (He et al. 2016, arXiv 1512.03385) or ``plain``, as in airbench
            (arXiv 2404.00498): convolution, pool, convolution.
        whitened: True if the first filters are fixed and whiten patches of the training images
            (arXiv 2404.00498, section 3.2).
        width: Filters of the first stage; each later one has twice as many, up to four times.
    """

    block: str
    whitened: bool
    width: int


def build(values: Mapping[str, Any]) -> ImageNet:
    """Creates a net from the JSON values of its spec."""
    return ImageNet(CnnSpec(**{**values, "images": shapes_of(values)}))


def shapes_of(values: Mapping[str, Any]) -> tuple[tuple[int, int, int], ...]:
    """Shapes of images from the JSON values of a spec."""
    return tuple((int(h), int(w), int(c)) for h, w, c in values["images"])


class ImageNet(MediaNet):
    """A tower for each image column, and one linear layer over all.

    Shape:
        Images ``(n_rows, height, width, channels)`` (uint8), one tensor per column, to
        ``(n_rows, n_outputs)``.

    Args:
        spec: Spec of the net.
    """

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec
        towers = [self.make_tower(shape) for shape in spec.images]
        self.columns = nn.ModuleList(towers)
        self.dropout = nn.Dropout(spec.dropout)
        self.output = nn.Linear(sum(tower.n_features for tower in towers), spec.n_outputs)

    def make_tower(self, shape: tuple[int, int, int]) -> ScaledTower:
        """Creates the tower of an image column of the given height, width and channels."""
        return Tower(shape, self.spec.block, self.spec.width, self.spec.whitened)

    @property
    def towers(self) -> list[ScaledTower]:
        """One tower per image column."""
        return [cast(ScaledTower, tower) for tower in self.columns]

    def prepare(self, images: Sequence[Images]) -> None:
        """Fits scales and fixed filters to training images, one per column."""
        for tower, column in zip(self.towers, images, strict=True):
            tower.prepare(column)

    def forward(self, *images: Tensor) -> Tensor:
        """Outputs for unscaled images."""
        return self.joined(self.scaled(*images))

    def scaled(self, *images: Tensor) -> list[Tensor]:
        """Images of mean 0 and deviation 1, ``(n_rows, channels, height, width)`` each."""
        return [tower.scaled(x) for tower, x in zip(self.towers, images, strict=True)]

    def joined(self, scaled: list[Tensor]) -> Tensor:
        """Outputs for scaled images, ``(n_rows, channels, height, width)`` each."""
        features = [tower(x) for tower, x in zip(self.towers, scaled, strict=True)]
        output: Tensor = self.output(self.dropout(torch.cat(features, dim=1)))
        return output

    def inputs_of(self, rows: Rows) -> tuple[Tensor, ...]:
        """Images of some rows."""
        device = self.output.weight.device
        return tuple(torch.from_numpy(images.read()).to(device) for images in rows.images)

    @property
    def n_looks(self) -> int:
        """Number of views."""
        if not self.spec.views:
            return 1
        return 6 if self.spec.flip else 3

    def final_outputs(self, rows: Rows, are_classes: bool) -> Tensor:
        """Mean over all views of the images."""
        views = self._views(self.scaled(*self.inputs_of(rows)))
        found = [self.joined(view).double() for view in views]
        return torch.stack([o.softmax(-1) if are_classes else o for o in found]).mean(dim=0)

    def _views(self, scaled: list[Tensor]) -> list[list[Tensor]]:
        """The images, mirrored ones, and copies shifted by a pixel in two directions."""
        if not self.spec.views:
            return [scaled]
        both = [scaled, [x.flip(-1) for x in scaled]] if self.spec.flip else [scaled]
        moved = [[_moved(x, by) for x in view] for view in both for by in (-1, 1)]
        return [*both, *moved]


def _moved(images: Tensor, by: int) -> Tensor:
    """Shifts images down and right, or up and left; border pixels are repeated."""
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
    """Scales one image column and computes features.

    Args:
        n_channels: Channels of the images.

    Attributes:
        n_features: Number of features of ``forward``.
    """

    mean: Tensor
    deviation: Tensor
    n_features: int

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("deviation", torch.ones(n_channels))

    def scaled(self, images: Tensor) -> Tensor:
        """Converts bytes ``(n, height, width, channels)`` to ``(n, channels, height, width)``."""
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
    """Stages of convolutions over one image column, with mean and maximum of the last.

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
        """Fits the scale and the fixed filters to training images."""
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
    """Filters whose outputs for patches of the images have variance 1 and covariance 0."""
    n_channels = images.shape[1]
    short = [max(0, _PATCH - side) for side in images.shape[2:]]
    images = functional.pad(images, (0, short[1], 0, short[0]), mode="replicate")
    patches = images.unfold(2, _PATCH, 2).unfold(3, _PATCH, 2).permute(0, 2, 3, 1, 4, 5)
    flat = patches.reshape(-1, n_channels * _PATCH**2).double()
    covariance = flat.T @ flat / max(1, len(flat))
    values, vectors = torch.linalg.eigh(covariance)
    # Directions of tiny variance would only amplify noise.
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
    """Pool, then two convolutions with a shortcut."""

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
