"""What a GPU, many cores and long budgets bring: one command for each row of a table."""
