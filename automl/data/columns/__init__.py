"""Columns: their kinds, their values, and what they are used for."""
