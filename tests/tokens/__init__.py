"""Tests of pipeline/tokens."""
