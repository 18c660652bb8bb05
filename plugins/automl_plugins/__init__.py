"""The families shipped with this distribution: guests, that import ``automl.plugin`` and no more."""
