"""Random forests and extremely randomised trees."""

from automl_plugins.forest.family import automl_model_families

__all__ = ["automl_model_families"]
