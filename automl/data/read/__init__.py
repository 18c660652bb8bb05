"""Readers of files, databases, data frames and image folders."""
