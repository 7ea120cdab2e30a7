"""The screen of the copies in repositories."""
