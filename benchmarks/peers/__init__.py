"""Adapters: one script a system, run by the interpreter of that system's own environment."""
