"""What the training of all nets shares."""
