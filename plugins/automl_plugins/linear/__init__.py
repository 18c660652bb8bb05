"""Linear models at any size of data."""

from automl_plugins.linear.family import automl_model_families

__all__ = ["automl_model_families"]
