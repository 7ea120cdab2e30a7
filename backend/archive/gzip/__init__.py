"""Compressed archives: written in blocks, inflated in one pass, entered at any place.

`blocks` writes members of a fixed size that any gzip reads, and inflates them in parallel; `seek` notes
restart points in a member of any length; `sizes` reads the unpacked size from trailers. Damage is an
IntegrityError.
"""
