"""The model families of this distribution; of automl they import `automl.plugin` only."""
