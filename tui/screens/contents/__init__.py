"""The screen that looks inside a snapshot: directories on one side, a preview on the other."""
