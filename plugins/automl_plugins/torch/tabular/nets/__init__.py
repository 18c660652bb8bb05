"""The modules that nets for tables are made of."""
