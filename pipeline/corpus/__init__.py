"""Text before it is tokens: sources, cleaning, filters, duplicates, splits and expectations."""
