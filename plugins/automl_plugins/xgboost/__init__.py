"""XGBoost: gradient-boosted trees."""

from automl_plugins.xgboost.family import automl_model_families

__all__ = ["automl_model_families"]
