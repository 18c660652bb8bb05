"""MiniRocket features of sequences, and a linear model of them."""

from automl_plugins.rocket.family import automl_model_families

__all__ = ["automl_model_families"]
