"""Neural networks for sequences."""
