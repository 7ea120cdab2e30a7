"""What this process has open."""

import gc
import os

from backend.fs import beneath


def descriptors() -> list[str]:
    """The open descriptors, but for those of roots that are held for as long as a layout lives."""
    gc.collect()
    held = {str(root.fd) for root in beneath._held.values()}
    return sorted(set(os.listdir("/proc/self/fd")) - held)
