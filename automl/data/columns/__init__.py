"""Typing of columns: their kinds, values and roles."""
