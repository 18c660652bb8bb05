"""One (trial, fold) job in a worker, from spec to result."""
