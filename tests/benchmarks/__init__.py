"""Rules that this repository keeps about itself."""
