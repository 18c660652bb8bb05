"""Typed configuration of a search, composed from groups, presets, plugins and overrides."""
