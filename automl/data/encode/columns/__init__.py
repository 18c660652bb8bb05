"""Encoders of single columns, one for each kind and way."""
