"""Copies in repositories: pushed, pulled, looked after, by whichever engine answers here.

`perform` carries the operations out. Exports and imports are the engine's; what is stored how is
`backend.repository`'s.
"""
