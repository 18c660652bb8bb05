"""Explainable boosting machines."""

from automl_plugins.ebm.family import automl_model_families

__all__ = ["automl_model_families"]
