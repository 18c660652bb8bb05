"""Text encoders: TF-IDF of n-grams, and dense columns computed from it."""
