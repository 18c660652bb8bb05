"""A net of several branches that read the same rows, with one head over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from automl.plugin import Rows
from automl_plugins.torch.joint.branches import (
    ImageBranch,
    ImageSpec,
    SequenceBranch,
    StatesSpec,
    TablePart,
    TableSpec,
)
from automl_plugins.torch.media.branch import Branch, BranchInputs
from automl_plugins.torch.media.fitted_net import MediaNet
from automl_plugins.torch.sequences.inputs import SeriesSpec
from automl_plugins.torch.text.branch import TextBranch, TextSpec

__all__ = ["FusionNet", "FusionSpec", "build"]


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """Spec of a net.

    Attributes:
        table: How the encoded columns are read; None without them.
        texts, images, sequences: How each column of these kinds is read.
        n_outputs: Number of outputs.
        head: Hidden values between features and outputs; 0 for none.
        dropout: Dropout of features, and of hidden values.
    """

    table: TableSpec | None
    texts: tuple[TextSpec, ...]
    images: tuple[ImageSpec, ...]
    sequences: tuple[StatesSpec, ...]
    n_outputs: int
    head: int
    dropout: float


def build(values: Mapping[str, Any]) -> FusionNet:
    """Creates a net from the JSON values of its spec."""
    images = tuple(
        ImageSpec((int(i["shape"][0]), int(i["shape"][1]), int(i["shape"][2])), i["width"])
        for i in values["images"]
    )
    sequences = tuple(
        StatesSpec(**{**states, "series": SeriesSpec(**states["series"])})
        for states in values["sequences"]
    )
    spec = FusionSpec(
        table=None if values["table"] is None else TableSpec(**values["table"]),
        texts=tuple(TextSpec(**text) for text in values["texts"]),
        images=images,
        sequences=sequences,
        n_outputs=values["n_outputs"],
        head=values["head"],
        dropout=values["dropout"],
    )
    return FusionNet(spec)


class FusionNet(MediaNet):
    """Concatenated features of all branches, and one or two layers over them.

    Shape:
        A tuple of tensors for each branch, from its ``inputs_of``, to ``(n_rows, n_outputs)``.

    Args:
        spec: Spec of the net.
    """

    def __init__(self, spec: FusionSpec) -> None:
        super().__init__()
        self.spec = spec
        parts: list[Branch] = [] if spec.table is None else [TablePart(spec.table)]
        parts += [TextBranch(text, i) for i, text in enumerate(spec.texts)]
        parts += [ImageBranch(images, i) for i, images in enumerate(spec.images)]
        parts += [SequenceBranch(states, i) for i, states in enumerate(spec.sequences)]
        self.columns = nn.ModuleList(parts)
        n_features = sum(part.n_features for part in parts)
        layers: list[nn.Module] = [nn.Dropout(spec.dropout)]
        if spec.head:
            layers += [nn.Linear(n_features, spec.head), nn.GELU(), nn.Dropout(spec.dropout)]
        self.head = nn.Sequential(*layers)
        self.output = nn.Linear(spec.head or n_features, spec.n_outputs)

    @property
    def parts(self) -> list[Branch]:
        """The branches."""
        return [cast(Branch, part) for part in self.columns]

    def prepare(self, rows: Rows, hashes: Sequence[NDArray[np.int64]]) -> None:
        """Fits scales to training rows.

        Args:
            rows: The training rows.
            hashes: Known pieces of each text column.
        """
        for part in self.parts:
            if isinstance(part, TextBranch):
                part.prepare(hashes[part.number])
            elif isinstance(part, ImageBranch | SequenceBranch):
                part.prepare(rows)

    def read(self, rows: Rows) -> BranchInputs:
        """Inputs of each branch for some rows."""
        return BranchInputs(tuple(part.column_of(rows) for part in self.parts))

    def inputs_of(self, rows: BranchInputs) -> tuple[tuple[Tensor, ...], ...]:
        """The arguments of ``forward`` for a batch."""
        device = self.output.weight.device
        return tuple(
            part.inputs_of(column, device)
            for part, column in zip(self.parts, rows.each, strict=True)
        )

    def forward(self, *inputs: tuple[Tensor, ...]) -> Tensor:
        """Outputs."""
        features = [part(*own) for part, own in zip(self.parts, inputs, strict=True)]
        output: Tensor = self.output(self.head(torch.cat(features, dim=-1)))
        return output
