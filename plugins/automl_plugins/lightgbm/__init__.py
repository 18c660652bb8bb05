"""LightGBM: gradient-boosted trees."""

from automl_plugins.lightgbm.family import automl_model_families

__all__ = ["automl_model_families"]
