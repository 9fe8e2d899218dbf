"""Measurements behind the numbers in README.md and RESULTS.md: one script per table."""
