"""Encoders of tables, fitted on the training rows of a fold."""

from automl.data.encode.fit import fit_encoder
from automl.data.encode.table_encoder import TableEncoder

__all__ = ["TableEncoder", "fit_encoder"]
