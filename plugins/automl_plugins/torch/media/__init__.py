"""Training, outputs and files shared by nets for images, sequences and texts."""
