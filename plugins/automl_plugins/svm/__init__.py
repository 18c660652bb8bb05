"""Support vector machines."""

from automl_plugins.svm.family import automl_model_families

__all__ = ["automl_model_families"]
