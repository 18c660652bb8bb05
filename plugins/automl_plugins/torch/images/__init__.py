"""Neural networks for images."""
