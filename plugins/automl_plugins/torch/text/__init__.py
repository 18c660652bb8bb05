"""Families that read the words of text columns: nets from scratch, and given models."""
