"""Readers: files, databases, data frames and folders into raw tables."""
