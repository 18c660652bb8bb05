"""Refits of the ensemble's members on all rows."""
