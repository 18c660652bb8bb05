"""Neural networks for tables, images, sequences and texts, on a CPU or on a leased GPU."""
