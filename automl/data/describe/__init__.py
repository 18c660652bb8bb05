"""What ``automl inspect`` tells of a table: kinds, first values, leaks."""
