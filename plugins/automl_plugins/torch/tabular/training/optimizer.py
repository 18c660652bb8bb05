"""AdamW and Muon for packs: members have their own rates and are updated together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from automl_plugins.torch.tabular.training.pack import Pack
from automl_plugins.torch.tabular.training.train_config import TrainConfig, is_matrix

__all__ = ["PackOptimiser", "orthogonal"]

_FIRST_MOMENT = 0.9
_EPSILON = 1e-8
_ADAM_SIZE = 0.2  # root mean square of a step of Adam, to which Muon's is scaled
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_N_ITERATIONS = 5


class PackOptimiser:
    """AdamW (arXiv 1711.05101), optionally with Muon for the matrices of hidden layers.

    Args:
        pack: Pack to train.
        recipes: Training options of its members.
        uses_muon: True to use Muon for hidden matrices.
    """

    def __init__(self, pack: Pack, recipes: Sequence[TrainConfig], *, uses_muon: bool) -> None:
        weights = pack.weights
        self._pack = pack
        self._first, self._second = torch.zeros_like(weights), torch.zeros_like(weights)
        self._rate, self._decay = torch.empty_like(weights), torch.empty_like(weights)
        for member, recipe in enumerate(recipes):
            for name, (start, end, shape) in pack.places.items():
                tensor = weights[:1, start:end].view(1, *shape)
                rate, decay = recipe.rate_and_decay(name, tensor)
                self._rate[member, start:end], self._decay[member, start:end] = rate, decay
        moments = [[recipe.second_moment] for recipe in recipes]
        norms = [[recipe.clip_norm or float("inf")] for recipe in recipes]
        self._moment = torch.tensor(moments, device=weights.device)
        self._clip_norm = torch.tensor(norms, device=weights.device)
        self._clips = any(recipe.clip_norm for recipe in recipes)
        self._matrices = [p for n, p in pack.places.items() if uses_muon and is_matrix(n)]
        self._n_steps = 0

    def keep(self, members: Sequence[int]) -> None:
        """Drops the state of members that left the pack."""
        index = torch.tensor(members, device=self._rate.device)
        for name in ("_first", "_second", "_rate", "_decay", "_moment", "_clip_norm"):
            setattr(self, name, getattr(self, name).index_select(0, index))

    @property
    def state(self) -> tuple[dict[str, Tensor], int]:
        """State of the optimiser, ``(n_members, n_weights)`` each, and its number of steps."""
        return {"first": self._first, "second": self._second}, self._n_steps

    def restore(self, tensors: Mapping[str, Tensor], n_steps: int) -> None:
        """Restores the state of the same members."""
        self._first.copy_(tensors["first"])
        self._second.copy_(tensors["second"])
        self._n_steps = n_steps

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: Tensor, decay: Tensor) -> None:
        """Updates all weights once.

        Args:
            gradient: ``(n_members, n_weights)``; may be overwritten.
            rate: Factors of the learning rates, ``(n_members, 1)``.
            decay: Factors of the weight decay, ``(n_members, 1)``.
        """
        self._n_steps += 1
        if self._clips:
            norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
            gradient.mul_((self._clip_norm / (norm + 1e-6)).clamp(max=1.0))
        for rows in self._parts():
            self._move(rows, gradient[rows], rate[rows], decay[rows])

    def _parts(self) -> Iterator[slice]:
        """Members to update together: all on a GPU; on a CPU one, which fits into the cache."""
        size = self._pack.n_members if self._pack.weights.is_cuda else 1
        return (slice(i, i + size) for i in range(0, self._pack.n_members, size))

    def _move(self, rows: slice, gradient: Tensor, rate: Tensor, decay: Tensor) -> None:
        weights, moment = self._pack.weights[rows], self._moment[rows]
        first = self._first[rows].lerp_(gradient, 1 - _FIRST_MOMENT)
        second = self._second[rows].lerp_(gradient * gradient, 1 - moment)
        seen = 1 - moment**self._n_steps
        move = torch.sqrt(second).add_(_EPSILON * seen.sqrt())
        torch.div(first, move, out=move)
        move *= seen.sqrt() / (1 - _FIRST_MOMENT**self._n_steps)
        for start, end, shape in self._matrices:
            ahead = gradient[:, start:end].lerp(first[:, start:end], _FIRST_MOMENT)
            size = _ADAM_SIZE * max(shape) ** 0.5
            move[:, start:end] = size * orthogonal(ahead.view(len(ahead), *shape)).flatten(1)
        move *= self._rate[rows]
        weights -= (move.addcmul_(weights, self._decay[rows] * decay)).mul_(rate)


def orthogonal(matrices: Tensor) -> Tensor:
    """Approximately orthogonal matrices: singular values become about 1.

    Method: Muon (Jordan et al. 2024), five steps of a Newton-Schulz iteration; its step is scaled
    to Adam's as in arXiv 2502.16982, section 2.2, so that one learning rate fits both.

    Args:
        matrices: ``(n, n_rows, n_columns)``.
    """
    a, b, c = _NEWTON_SCHULZ
    x: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    is_tall = x.shape[1] > x.shape[2]
    x = x.mT if is_tall else x
    for _ in range(_N_ITERATIONS):
        square = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if is_tall else x
