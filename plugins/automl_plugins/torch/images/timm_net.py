"""Creates nets of the package timm, loads weights from a file, and trains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch.images.fit import fit_images
from automl_plugins.torch.images.nets import ImageNet, ImageSpec, ScaledTower, shapes_of
from automl_plugins.torch.media.fitted_net import MediaModel

__all__ = ["TimmNet", "TimmSpec", "build", "fit_timm", "read_weights"]

_BATCH_ROWS = 64  # images per batch of predictions
_COLOURS = 3  # channels of pretrained weights


@dataclass(frozen=True, slots=True)
class TimmSpec(ImageSpec):
    """Spec of a net of timm.

    Attributes:
        architecture: timm's name of the net.
        side: Height and width of the input images in pixels.
        drop_path: Share of residual branches dropped in training in the last block; lower in
            earlier ones (stochastic depth, arXiv 1603.09382).
    """

    architecture: str
    side: int
    drop_path: float


def build(values: Mapping[str, Any]) -> TimmNet:
    """Creates a net from the JSON values of its spec."""
    return TimmNet(TimmSpec(**{**values, "images": shapes_of(values)}))


class TimmNet(ImageNet):
    """A net of timm without its last layer per image column, one linear layer over all.

    Args:
        spec: Spec of the net.

    Raises:
        ValueError: timm has no net of this name.
    """

    spec: TimmSpec

    def make_tower(self, shape: tuple[int, int, int]) -> ScaledTower:
        """Creates the net of an image column of the given height, width and channels."""
        return _TimmTower(shape[2], self.spec)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Starts every net from pretrained weights, from ``read_weights``.

        Raises:
            ValueError: The weights are those of another net.
        """
        for tower in self.towers:
            assert isinstance(tower, _TimmTower)
            tower.start_from(weights)


class _TimmTower(ScaledTower):
    """The net of one column of images."""

    def __init__(self, n_channels: int, spec: TimmSpec) -> None:
        import timm

        super().__init__(n_channels)
        # timm would download a name with a prefix, such as hf-hub:.
        if not timm.is_model(spec.architecture):
            raise ValueError(f"timm {timm.__version__} has no net {spec.architecture!r}")
        self.architecture, self.side = spec.architecture, spec.side
        self.net = timm.create_model(
            spec.architecture,
            pretrained=False,
            in_chans=n_channels,
            num_classes=0,
            drop_path_rate=spec.drop_path,
        )
        self.n_features = self.net.head_hidden_size

    def forward(self, scaled: Tensor) -> Tensor:
        """Features ``(n_rows, n_features)``."""
        if self.training:
            return self._features(scaled)
        starts = range(0, max(1, len(scaled)), _BATCH_ROWS)
        return torch.cat([self._features(scaled[i : i + _BATCH_ROWS]) for i in starts])

    def _features(self, scaled: Tensor) -> Tensor:
        size = (self.side, self.side)
        resized = functional.interpolate(scaled, size, mode="bilinear", align_corners=False)
        features: Tensor = self.net(resized)
        return features

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Loads pretrained weights; raises ValueError if they are those of another net."""
        own = self.net.state_dict()
        missing = sorted(own.keys() - weights.keys())
        if missing:
            raise ValueError(
                f"the weights are not those of {self.architecture}: {missing[0]} is missing"
            )
        fitting = {name: weights[name] for name in own}
        first = f"{self.net.pretrained_cfg['first_conv']}.weight"
        if first in fitting and fitting[first].shape[1] == _COLOURS:
            fitting[first] = _for_channels(fitting[first], own[first].shape[1])
        try:
            self.net.load_state_dict(fitting)
        except RuntimeError as error:
            raise ValueError(f"the weights are not those of {self.architecture}: {error}") from None


def _for_channels(weight: Tensor, n_channels: int) -> Tensor:
    """Filters ``(n, n_channels, height, width)`` that respond to grey like those for colours."""
    if n_channels == _COLOURS:
        return weight
    return weight.sum(dim=1, keepdim=True).repeat(1, n_channels, 1, 1) / n_channels


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Reads weights by name from a file of safetensors or of torch, without running code.

    Raises:
        ValueError: The file has another format, or contains more than tensors.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        found: Any = load_file(path)
    else:
        found = torch.load(path, map_location="cpu", weights_only=True)
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise ValueError(f"{path} does not contain tensors by name")
    return found


def fit_timm(
    spec: Mapping[str, Any],
    weights: Path | None,
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    max_epochs: int,
) -> MediaModel:
    """Trains a net of timm.

    Args:
        spec: Fields of ``TimmSpec`` that are not in ``ImageSpec``.
        weights: File of pretrained weights; None to train from scratch.
        params: Params of the family's search space.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with the validation score after each epoch.
        max_epochs: Largest number of epochs, whatever the params.

    Raises:
        ValueError: There is no such net, or the weights are those of another one.
        TrialPruned: Raised by ``report``.
    """

    def make_net(common: Mapping[str, Any]) -> ImageNet:
        net = TimmNet(TimmSpec(**common, **spec))
        if weights is not None:
            net.start_from(read_weights(weights))
        return net

    return fit_images(make_net, params, fold, context, report, max_epochs)
