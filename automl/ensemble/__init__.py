"""Which trials predict together, with what weights, and how they predict."""

from automl.ensemble.calibration import Calibration
from automl.ensemble.choice import choose_ensemble
from automl.ensemble.files import Ensemble, Member, read_ensemble, write_ensemble
from automl.ensemble.interval import Estimate, estimate
from automl.ensemble.oof import read_oof
from automl.ensemble.predictor import Predictor
from automl.ensemble.selection import Selection, select_ensemble

__all__ = [
    "Calibration",
    "Ensemble",
    "Estimate",
    "Member",
    "Predictor",
    "Selection",
    "choose_ensemble",
    "estimate",
    "read_ensemble",
    "read_oof",
    "select_ensemble",
    "write_ensemble",
]
