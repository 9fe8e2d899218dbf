"""What the report reads of the metrics files: the one place that knows their names and fields."""
