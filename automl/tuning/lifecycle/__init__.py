"""A search from its start, or its resumption, to its end."""
