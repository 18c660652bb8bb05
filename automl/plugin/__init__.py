"""All that a plugin may import, and all that stays stable for it."""

from automl.plugin.context import Features, Fold, Resources, Shape, TrialContext, View
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.estimators import load_estimator, save_estimator
from automl.plugin.executor import ExecutorFactory
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
from automl.plugin.metric import Metric, NoScoreError
from automl.plugin.param import Param
from automl.plugin.refitting import RefitIncomplete, check_refit
from automl.plugin.rows import Images, Matrix, Rows, Sequences, Texts
from automl.plugin.stages import StageLog, enough_to_choose, stage_steps, stopping_metric
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = [
    "TABULAR_KINDS",
    "ColumnKind",
    "ExecutorFactory",
    "Features",
    "FittedModel",
    "Fold",
    "Images",
    "Matrix",
    "Metric",
    "ModelFamily",
    "NoScoreError",
    "PackMember",
    "Param",
    "Params",
    "RefitIncomplete",
    "Report",
    "Resources",
    "Rows",
    "Sequences",
    "Shape",
    "StageLog",
    "Suggest",
    "Task",
    "Texts",
    "TrialContext",
    "TrialPruned",
    "View",
    "check_refit",
    "enough_to_choose",
    "hookimpl",
    "is_cuda_oom",
    "load_estimator",
    "save_estimator",
    "stage_steps",
    "stopping_metric",
]
