"""Ports of loopback, for servers that tests start."""

import socket
import time

_PATIENCE = 60


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, address: str = "127.0.0.1") -> None:
    """Wait until something listens on a port."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection((address, port), 5).close()
            return
        except OSError:
            assert time.monotonic() < until, f"nothing listens on {port}"
            time.sleep(0.02)
