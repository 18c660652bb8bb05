"""Encoders of texts: TF-IDF of n-grams, and dense columns made of it."""
