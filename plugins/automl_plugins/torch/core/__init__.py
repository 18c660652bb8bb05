"""Training code shared by all nets."""
