"""Encoders of single columns: numbers, dates, one-hot, ordinal and target encoding."""
