"""What a save would read.

Adds up sizes only: no file is opened, no exclusion is looked at, nothing is said about compression.
"""
