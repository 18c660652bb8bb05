"""Generators of new columns, fitted on training rows."""
