"""Tests of the page people review."""
