"""The budget of a search, and estimates of the time and memory of fits."""
