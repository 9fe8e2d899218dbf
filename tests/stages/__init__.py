"""Tests of stages/."""
