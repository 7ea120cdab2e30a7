"""`rclone serve s3`: a server that speaks S3 and does less of it than others."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.buckets import Bucket
from tests.support.ports import free_port, wait_for_port

_KEY, _SECRET = "served", "by-rclone-0123"


@contextmanager
def serving_s3(base: Path) -> Iterator[Bucket]:
    """A bucket of such a server, whose files lie in `base`."""
    (base / "bucket").mkdir()
    port = free_port()
    command = ["rclone", "serve", "s3", f"--auth-key={_KEY},{_SECRET}", f"--addr=127.0.0.1:{port}", str(base)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield Bucket(f"http://127.0.0.1:{port}", "bucket", _KEY, _SECRET, "us-east-1")
    finally:
        process.kill()
        process.wait()
