"""Trains nets from params and all kinds of columns of a fold."""

from __future__ import annotations

import torch
from torch import Tensor

from automl.plugin import Fold, Params, Report, TrialContext
from automl_plugins.torch.core.outputs import n_outputs_of
from automl_plugins.torch.joint.branches import ImageSpec, StatesSpec, TableSpec
from automl_plugins.torch.joint.net import FusionNet, FusionSpec
from automl_plugins.torch.media.fit import Forward, fit_net
from automl_plugins.torch.media.fitted_net import MediaModel
from automl_plugins.torch.sequences.inputs import series_specs
from automl_plugins.torch.text.branch import TextSpec, pieces_of

__all__ = ["fit_fusion"]

_MOST_STEPS = 512  # steps of a recurrent net; longer sequences are thinned out
_NOISE = 0.1


def fit_fusion(
    params: Params, fold: Fold, context: TrialContext, report: Report, max_epochs: int
) -> MediaModel:
    """Trains one net on all columns.

    Args:
        params: ``table_width``, ``head`` and ``dropout``; for texts ``encoder``, ``embedding``,
            ``filters`` or ``states``, and ``word_dropout``; for images ``image_width``; for
            sequences ``series_width``; and the params of ``fit_net``.
        fold: Training and validation rows.
        context: Context of the fit.
        report: Called with the validation score after each epoch.
        max_epochs: Largest number of epochs, whatever the params.

    Raises:
        TrialPruned: Raised by ``report``.
    """

    def prepare(device: torch.device, generator: torch.Generator) -> tuple[FusionNet, Forward]:
        hashes = [pieces_of(texts, params["encoder"]) for texts in fold.texts_train]
        net = FusionNet(_spec(params, fold, context, [len(known) for known in hashes]))
        net.prepare(fold.train, hashes)
        net.to(device)
        columns = net.read(fold.train)

        def forward(rows: Tensor, epoch: int) -> Tensor:
            output: Tensor = net(*net.inputs_of(columns[rows.numpy()]))
            return output

        return net, forward

    return fit_net(prepare, params, fold, context, report, max_epochs)


def _spec(params: Params, fold: Fold, context: TrialContext, n_pieces: list[int]) -> FusionSpec:
    shape = context.problem
    is_encoded = bool(shape.n_numeric or shape.n_categorical)
    series = series_specs(fold.sequences_train, _MOST_STEPS)
    return FusionSpec(
        table=TableSpec(fold.X_train.shape[1], params["table_width"], params["dropout"])
        if is_encoded
        else None,
        texts=tuple(
            TextSpec(
                n_pieces=n,
                encoder=params["encoder"],
                embedding=params["embedding"],
                width=params.get("filters") or params.get("states") or 0,
                word_dropout=params["word_dropout"],
            )
            for n in n_pieces
        ),
        images=tuple(ImageSpec(i.shape, params["image_width"]) for i in fold.images_train),
        sequences=tuple(StatesSpec(one, params["series_width"], _NOISE) for one in series),
        n_outputs=n_outputs_of(context),
        head=params["head"],
        dropout=params["dropout"],
    )
