"""Measures what the project says about quality and speed; each module is a command of its own."""
