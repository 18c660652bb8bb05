"""Which trials predict together, with what weights, and how they predict."""

from automl.ensemble.choice import choose_ensemble
from automl.ensemble.selection import Selection, select_ensemble

__all__ = ["Selection", "choose_ensemble", "select_ensemble"]
