"""Snapshots of a root for which a snapd runs: what changes them is asked of snapd, over its socket."""
