"""Encoded folds on disk, shared by all workers."""
