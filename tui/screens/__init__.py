"""The full screens. A screen shows what the session knows and asks a dialog before anything changes."""
