"""A question each, with a typed answer."""
