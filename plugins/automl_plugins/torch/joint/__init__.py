"""Nets for several kinds of columns: numbers, categories, texts, images and sequences."""
