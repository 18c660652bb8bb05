"""Trains nets from params and the sequences of a fold."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch.core.outputs import n_outputs_of
from automl_plugins.torch.media.fit import Forward, fit_net
from automl_plugins.torch.media.fitted_net import MediaModel
from automl_plugins.torch.sequences.inception_net import InceptionNet, InceptionSpec
from automl_plugins.torch.sequences.inputs import SeriesNet, series_specs
from automl_plugins.torch.sequences.rnn_net import RecurrentNet, RnnSpec

__all__ = ["fit_inception", "fit_rnn"]

_MOST_CELLS = 512  # steps of a recurrent net; longer sequences are thinned out
_MOST_STEPS = 4096  # steps of a convolutional net, which reads them in parallel


def fit_rnn(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> MediaModel:
    """Trains a recurrent net.

    Args:
        params: Params of the family's search space.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with the validation score after each epoch.
        max_epochs: Largest number of epochs, whatever the params.

    Raises:
        TrialPruned: Raised by ``report``.
    """
    spec = RnnSpec(
        series=series_specs(fold.sequences_train, _MOST_CELLS),
        n_outputs=n_outputs_of(context),
        cell=params["cell"],
        width=params["width"],
        n_layers=params["n_layers"],
        both_ways=params["both_ways"],
        dropout=params["dropout"],
        noise=params["noise"],
    )
    return _fit(lambda: RecurrentNet(spec), params, fold, context, report, max_epochs)


def fit_inception(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> MediaModel:
    """Trains a net of convolutions over time; arguments as in ``fit_rnn``."""
    spec = InceptionSpec(
        series=series_specs(fold.sequences_train, _MOST_STEPS),
        n_outputs=n_outputs_of(context),
        n_blocks=params["n_blocks"],
        width=params["width"],
        kernel=params["kernel"],
        dropout=params["dropout"],
        noise=params["noise"],
    )
    return _fit(lambda: InceptionNet(spec), params, fold, context, report, max_epochs)


def _fit(
    make: Callable[[], SeriesNet],
    params: Params,
    fold: Fold,
    context: TrialContext,
    report: Report,
    max_epochs: int,
) -> MediaModel:
    def prepare(device: torch.device, generator: torch.Generator) -> tuple[SeriesNet, Forward]:
        net = make()
        net.prepare(fold.sequences_train)
        net.to(device)

        def forward(rows: Tensor, epoch: int) -> Tensor:
            output: Tensor = net(*net.inputs_of(fold.train[rows.numpy()]))
            return output

        return net, forward

    return fit_net(prepare, params, fold, context, report, max_epochs)
