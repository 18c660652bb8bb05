"""How packs of nets for tables are trained."""
