"""Families of published rules for text of the web, one module each; every rule has a reason of its own."""
