"""What the nets of images and of sequences share: training, outputs, files."""
