"""Converts params of a family to the spec of a net and its training options."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from automl.plugin import PackFit, TrialContext
from automl_plugins.torch.core.outputs import n_outputs_of
from automl_plugins.torch.tabular.nets.net import NetSpec
from automl_plugins.torch.tabular.training.fit import NetJob
from automl_plugins.torch.tabular.training.pack_training import PackOptions
from automl_plugins.torch.tabular.training.train_config import TrainConfig

__all__ = ["DEFAULTS", "net_fit"]

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "body": "mlp",
        "is_parametric": False,
        "has_front_scale": False,
        "starts_from_data": False,
        "k": 1,
        "is_mini": False,
        "embedding": "none",
        "embedding_width": 1,
        "n_frequencies": 1,
        "sigma": 1.0,
        "max_onehot": 9,
        "category_width": 8,
        "dropout": 0.0,
        "weight_decay": 0.0,
        "by_inputs": False,
        "first_lr": 1.0,
        "scale_lr": 1.0,
        "embedding_lr": 1.0,
        "second_moment": 0.999,
        "schedule": "constant",
        "eases": False,
        "label_smoothing": 0.0,
        "clip_norm": None,
        "average_epochs": 0.0,
        "optimiser": "adamw",
        "patience": None,
    }
)
"""Defaults of options that are neither params nor constants of a family."""

_PATIENCE_SHARE = {"coslog4": 0.55, "flat_cos": 0.3, "cosine": 0.3, "constant": 0.3}
_MIN_PATIENCE = 20
_MAX_STEPS, _MIN_EPOCHS = 20_000, 16

_SPEC = (
    "body",
    "n_layers",
    "width",
    "activation",
    "is_parametric",
    "has_front_scale",
    "starts_from_data",
    "k",
    "is_mini",
    "embedding",
    "embedding_width",
    "n_frequencies",
    "max_onehot",
    "category_width",
)
_RECIPE = (
    "lr",
    "weight_decay",
    "by_inputs",
    "first_lr",
    "scale_lr",
    "embedding_lr",
    "second_moment",
    "schedule",
    "eases",
    "label_smoothing",
    "clip_norm",
    "average_epochs",
)


def net_fit(
    constants: Mapping[str, Any],
    member: PackFit,
    context: TrialContext,
    most_beside: int = 1,
) -> NetJob:
    """Creates the net job for params and a fold.

    Args:
        constants: Options that the family does not search.
        member: Params and fold.
        context: Context of the fit. A large table gets fewer epochs than the setting
            ``max_epochs``, for about 20,000 steps.
        most_beside: Fits of the largest possible pack.
    """
    values = {**DEFAULTS, **constants, **member.params}
    fold, settings = member.fold, context.settings
    n_rows, n_columns = fold.X_train.shape
    steps = max(1, n_rows // values["batch_size"])
    n_epochs = min(settings["max_epochs"], max(_MIN_EPOCHS, _MAX_STEPS // steps))
    by_schedule = max(_MIN_PATIENCE, int(_PATIENCE_SHARE[values["schedule"]] * n_epochs))
    patience = values["patience"] or by_schedule
    return NetJob(
        member=member,
        spec=NetSpec(
            n_numeric=n_columns - len(fold.features.categorical),
            cardinalities=fold.features.cardinalities,
            n_outputs=n_outputs_of(context),
            **{name: values[name] for name in _SPEC},
        ),
        config=TrainConfig(patience=patience, **{name: values[name] for name in _RECIPE}),
        options=PackOptions(
            n_epochs=n_epochs,
            batch_size=values["batch_size"],
            uses_muon=values["optimiser"] == "muon",
            mixed_precision=settings["mixed_precision"],
        ),
        dropout=values["dropout"],
        sigma=values["sigma"],
        most_beside=most_beside,
    )
