"""Trials as the controller sees them, and how they end."""
