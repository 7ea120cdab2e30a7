"""The engine that asks a running snapd over its socket, and follows its changes.

A change belongs to snapd: it goes on when we die, and is found again by the step noted before it was asked
for.
"""
