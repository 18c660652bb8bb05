"""The families shipped with this distribution: guests, that import `automl.plugin` alone."""
