"""One (trial, fold) job, from spec to result."""
