"""The README's commands on whole other systems: `tests/systems/run NAME…`, NAME a suite of Debian.

Needs root, debootstrap and nothing else: Python's own library only.
"""
