"""All that a plugin may import, and all that stays stable for it."""

from automl.plugin.context import Features, Fold, Matrix, Resources, Shape, TrialContext, View
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.estimators import load_estimator, save_estimator
from automl.plugin.family import (
    FittedModel,
    ModelFamily,
    PackMember,
    Params,
    Report,
    Suggest,
    TrialPruned,
)
from automl.plugin.hookspecs import hookimpl
from automl.plugin.metric import Metric
from automl.plugin.task import ColumnKind, Task

__all__ = [
    "ColumnKind",
    "Features",
    "FittedModel",
    "Fold",
    "Matrix",
    "Metric",
    "ModelFamily",
    "PackMember",
    "Params",
    "Report",
    "Resources",
    "Shape",
    "Suggest",
    "Task",
    "TrialContext",
    "TrialPruned",
    "View",
    "hookimpl",
    "is_cuda_oom",
    "load_estimator",
    "save_estimator",
]
