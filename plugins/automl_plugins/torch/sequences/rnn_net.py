"""Recurrent nets over sequences of unequal lengths, with attention over their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from automl_plugins.torch.sequences.inputs import (
    SequenceInput,
    SeriesNet,
    SeriesSpec,
    masked_maximum,
)

__all__ = ["Reader", "RecurrentNet", "RnnSpec", "build"]

_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True, slots=True)
class RnnSpec:
    """Spec of a net.

    Attributes:
        series: How each sequence column is read.
        n_outputs: Number of outputs.
        cell: ``gru`` (Cho et al. 2014, arXiv 1406.1078) or ``lstm`` (Hochreiter & Schmidhuber
            1997).
        width: Size of the state, per direction.
        n_layers: Number of layers.
        both_ways: True for a bidirectional net (Schuster & Paliwal 1997).
        dropout: Dropout between layers and before the last one.
        noise: Deviation of noise added to scaled values in training.
    """

    series: tuple[SeriesSpec, ...]
    n_outputs: int
    cell: str
    width: int
    n_layers: int
    both_ways: bool
    dropout: float
    noise: float


def build(values: Mapping[str, Any]) -> RecurrentNet:
    """Creates a net from the JSON values of its spec."""
    series = tuple(SeriesSpec(**column) for column in values["series"])
    return RecurrentNet(RnnSpec(**{**values, "series": series}))


class RecurrentNet(SeriesNet):
    """A reader for each sequence column, and one linear layer over all.

    Shape:
        Values and lengths of each column, from ``padded_inputs``, to ``(n_rows, n_outputs)``.

    Args:
        spec: Spec of the net.
    """

    def __init__(self, spec: RnnSpec) -> None:
        super().__init__(
            [SequenceInput(series, spec.noise) for series in spec.series],
            [
                Reader(
                    series.n_inputs,
                    cell=spec.cell,
                    width=spec.width,
                    n_layers=spec.n_layers,
                    both_ways=spec.both_ways,
                    dropout=spec.dropout,
                )
                for series in spec.series
            ],
            2 * spec.width * (1 + spec.both_ways),
            spec.n_outputs,
            spec.dropout,
        )
        self.spec = spec


class Reader(nn.Module):
    """Reads packed sequences, without padding.

    Shape:
        Steps ``(n_rows, n_steps, n_inputs)`` and mask ``(n_rows, n_steps, 1)``, with at least one
        step per row, to ``(n_rows, n_features)``.

    Args:
        n_inputs: Inputs per step.
        cell, width, n_layers, both_ways, dropout: As in ``RnnSpec``.
    """

    def __init__(
        self,
        n_inputs: int,
        *,
        cell: str,
        width: int,
        n_layers: int,
        both_ways: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.cells = _CELLS[cell](
            n_inputs,
            width,
            num_layers=n_layers,
            batch_first=True,
            bidirectional=both_ways,
            dropout=dropout if n_layers > 1 else 0.0,
        )
        n_states = width * (1 + both_ways)
        self.attention = _Attention(n_states)
        self.n_features = 2 * n_states

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Attention over the states, and their maximum."""
        lengths = mask[..., 0].sum(dim=1).long().cpu()
        packed = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(
            self.cells(packed)[0], batch_first=True, total_length=steps.shape[1]
        )
        return torch.cat((self.attention(states, mask), masked_maximum(states, mask)), dim=-1)


class _Attention(nn.Module):
    """Mean of states weighted by learnt scores (Yang et al. 2016, equations 5 to 7)."""

    def __init__(self, n_states: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_states, n_states)
        self.score = nn.Linear(n_states, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.hidden(states))).masked_fill(mask == 0, -torch.inf)
        pooled: Tensor = (scores.softmax(dim=1) * states).sum(dim=1)
        return pooled
