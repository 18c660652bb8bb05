"""The stable API for plugins: the only part of ``automl`` that a plugin imports."""

from automl.plugin.configurable import ConfigurableFamily
from automl.plugin.context import Encoding, Features, Fold, ProblemInfo, Resources, TrialContext
from automl.plugin.cuda import is_cuda_oom
from automl.plugin.estimators import load_estimator, save_estimator
from automl.plugin.executor import ExecutorFactory
from automl.plugin.family import (
    CachedRowsModel,
    FittedModel,
    ModelFamily,
    Params,
    Report,
    StagedModel,
    Suggest,
    TrialPruned,
)
from automl.plugin.hookspecs import hookimpl
from automl.plugin.iterative import IterativeFamily
from automl.plugin.metric import Metric, NoScoreError, pinball_losses
from automl.plugin.out_of_bag import OutOfBagFamily, OutOfBagModel
from automl.plugin.packs import PackedFamily, PackFit
from automl.plugin.param import Param
from automl.plugin.refitting import CannotRefit, RefitIncomplete, RefittableFamily, check_refit
from automl.plugin.rows import Images, Matrix, Rows, Sequences, Texts
from automl.plugin.selective import SelectiveFamily
from automl.plugin.stages import StageLog, enough_to_choose, stage_steps, stopping_metric
from automl.plugin.task import TABULAR_KINDS, ColumnKind, Task

__all__ = [
    "TABULAR_KINDS",
    "CachedRowsModel",
    "CannotRefit",
    "ColumnKind",
    "ConfigurableFamily",
    "Encoding",
    "ExecutorFactory",
    "Features",
    "FittedModel",
    "Fold",
    "Images",
    "IterativeFamily",
    "Matrix",
    "Metric",
    "ModelFamily",
    "NoScoreError",
    "OutOfBagFamily",
    "OutOfBagModel",
    "PackFit",
    "PackedFamily",
    "Param",
    "Params",
    "ProblemInfo",
    "RefitIncomplete",
    "RefittableFamily",
    "Report",
    "Resources",
    "Rows",
    "SelectiveFamily",
    "Sequences",
    "StageLog",
    "StagedModel",
    "Suggest",
    "Task",
    "Texts",
    "TrialContext",
    "TrialPruned",
    "check_refit",
    "enough_to_choose",
    "hookimpl",
    "is_cuda_oom",
    "load_estimator",
    "pinball_losses",
    "save_estimator",
    "stage_steps",
    "stopping_metric",
]
