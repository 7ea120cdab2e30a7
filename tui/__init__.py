"""Snapstow in a terminal: screens, a session in plain text, and commands for scripts."""
