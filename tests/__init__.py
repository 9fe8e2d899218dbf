"""The test suite; it mirrors pipeline/ and stages/."""
