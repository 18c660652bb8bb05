"""Encoding of columns, fitted inside the fold."""

from automl.data.encode.encoder import Encoder, fit_encoder

__all__ = ["Encoder", "fit_encoder"]
