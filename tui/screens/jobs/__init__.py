"""The screen of all jobs: what runs, how far it is, how the others ended."""
