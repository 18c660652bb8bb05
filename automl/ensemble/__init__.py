"""Selects, scores, calibrates and applies the ensemble of a run."""

from automl.ensemble.bagging_gain import fold_variance, gain_of_mean, in_log_odds, on_scale_of_noise
from automl.ensemble.calibration import Calibration
from automl.ensemble.candidates import aligned
from automl.ensemble.choice import choose_ensemble
from automl.ensemble.ensemble import Ensemble, Member, read_ensemble, write_ensemble
from automl.ensemble.interval import Estimate, estimate, kappa_of_cells
from automl.ensemble.oof import read_oof
from automl.ensemble.predictor import Predictor
from automl.ensemble.selection import Selection, SelectionOptions, select_ensemble
from automl.ensemble.time_blocks import block_scores, estimate_of_blocks, newest_blocks
from automl.ensemble.time_choice import choose_forward

__all__ = [
    "Calibration",
    "Ensemble",
    "Estimate",
    "Member",
    "Predictor",
    "Selection",
    "SelectionOptions",
    "aligned",
    "block_scores",
    "choose_ensemble",
    "choose_forward",
    "estimate",
    "estimate_of_blocks",
    "fold_variance",
    "gain_of_mean",
    "in_log_odds",
    "kappa_of_cells",
    "newest_blocks",
    "on_scale_of_noise",
    "read_ensemble",
    "read_oof",
    "select_ensemble",
    "write_ensemble",
]
