"""Random augmentation of training images, drawn again for every batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Augmentation"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Strengths of the augmentation.

    Attributes:
        flip: True to mirror images left to right in every other epoch, so that both forms are seen
            equally often (alternating flip, arXiv 2404.00498, section 3.6).
        shift: Largest shift along each side, as a share of it.
        rotate: Largest rotation in both directions, in degrees.
        zoom: Largest change of size, as a share of it.
        contrast: Largest change of contrast and of brightness, as a share.
        cutout: Side of a square that is set to the mean, as a share of the shorter side
            (arXiv 1708.04552).
    """

    flip: bool
    shift: float
    rotate: float
    zoom: float
    contrast: float
    cutout: float

    def apply(self, images: Tensor, rows: Tensor, epoch: int, generator: torch.Generator) -> Tensor:
        """Augments a batch.

        Args:
            images: Images of mean 0 and deviation 1, ``(n_batch, channels, height, width)``.
            rows: Numbers of the training rows, ``(n_batch,)``.
            epoch: Number of the epoch, from 0.
            generator: Source of all random numbers, on the CPU.
        """
        draws = _Draws(len(images), generator, images.device)
        if self.shift or self.rotate or self.zoom:
            images = self._moved(images, draws)
        if self.flip:
            # Odd factor far from 1, so that neighbouring rows are mirrored in different epochs.
            turn = (rows * 2_654_435_761 >> 16) + epoch
            is_flipped = (turn % 2 == 0).to(images.device)[:, None, None, None]
            images = torch.where(is_flipped, images.flip(-1), images)
        if self.contrast:
            factor, offset = (self.contrast * draws.signed()[:, None, None, None] for _ in range(2))
            images = images * (1 + factor) + offset
        return self._cut(images, draws) if self.cutout else images

    def _moved(self, images: Tensor, draws: _Draws) -> Tensor:
        """Rotates, scales and shifts in one interpolation; border pixels are repeated."""
        angle = math.radians(self.rotate) * draws.signed()
        size = 1 + self.zoom * draws.signed()
        ratio = images.shape[-1] / images.shape[-2]
        cosine, sine = angle.cos() * size, angle.sin() * size
        moves = [2 * self.shift * draws.signed() for _ in range(2)]
        # The 2 x 3 matrices, in coordinates from -1 to 1 along each side.
        matrices = torch.stack(
            [cosine, -sine / ratio, moves[0], sine * ratio, cosine, moves[1]], dim=1
        ).reshape(-1, 2, 3)
        grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _cut(self, images: Tensor, draws: _Draws) -> Tensor:
        """Sets a square around a random pixel to the mean."""
        height, width = images.shape[-2:]
        half = 0.5 * self.cutout * min(height, width)
        inside = []
        for length, shape in ((height, (1, -1, 1)), (width, (1, 1, -1))):
            centre = (draws.signed() + 1) / 2 * length
            place = torch.arange(length, device=images.device) + 0.5
            inside.append(((place - centre[:, None]).abs() < half).view(len(images), *shape))
        return images.masked_fill(inside[0] & inside[1], 0.0)


@dataclass(frozen=True, slots=True)
class _Draws:
    """Random numbers for a batch, the same on every device."""

    n: int
    generator: torch.Generator
    device: torch.device

    def signed(self) -> Tensor:
        """Uniform from -1 to 1, ``(n,)``."""
        return (2 * torch.rand(self.n, generator=self.generator) - 1).to(self.device)
