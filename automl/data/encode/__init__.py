"""Encoding of columns, fitted inside the fold."""

from automl.data.encode.fit import fit_encoder
from automl.data.encode.table_encoder import Encoder

__all__ = ["Encoder", "fit_encoder"]
