"""CatBoost: boosted symmetric trees."""

from automl_plugins.catboost.family import automl_model_families

__all__ = ["automl_model_families"]
