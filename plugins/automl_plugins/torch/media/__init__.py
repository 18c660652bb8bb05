"""What the nets of images, sequences and texts share: training, outputs, files."""
