"""Encoding of columns, fitted inside the fold."""

from automl.data.encode.encoder import Encoder
from automl.data.encode.fit import fit_encoder

__all__ = ["Encoder", "fit_encoder"]
