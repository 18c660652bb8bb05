"""Neural networks for tables, on a CPU or on a leased GPU."""
