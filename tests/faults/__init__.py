"""Long fault and soak tests: `make test-faults`."""
