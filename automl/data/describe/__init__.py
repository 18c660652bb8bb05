"""The description of a table for ``automl inspect``: kinds, first values, likely leaks."""
