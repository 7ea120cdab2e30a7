"""TODO: what this package is for, and the order of its calls."""
