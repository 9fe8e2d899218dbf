"""The page people review: metrics files in, one HTML page, its Markdown twin and figures out."""
