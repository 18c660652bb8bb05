"""Modules of nets for tables."""
