"""The split plan: the training and validation rows of each fold."""
