"""The two faces of Snapstow: full screens, and verbs on the command line. All work is done by `backend`."""
