"""Whether the scores of a search are true: ``python -m benchmarks.honesty``, see README.md."""
