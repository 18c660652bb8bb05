"""Training of packs of nets for tables."""
