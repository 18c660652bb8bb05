"""The budget of a search, and estimates of what fits take in time and memory."""
