"""The search: proposals, allocation, pruning, and the loop that joins them."""
