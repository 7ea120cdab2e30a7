"""Copies: a push and a pull beside what they cannot be faster than, their memory, a long listing.

A push to a Swift on this machine stands beside `age` over the same export, and beside the library that talks
to object stores, without us; whichever is slower is the yardstick.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from backend.config.values import RepositoryConfig
from backend.model import SnapshotSet
from backend.repository.manifest import Manifest, Payload, content_hash_of, manifest_json
from backend.repository.names import MANIFEST, PAYLOAD, CopyName, ObjectKey
from tests.bench.corpus import MB, Corpus
from tests.bench.memory import measure_peak
from tests.bench.rounds import Side, Stopwatch, alternate
from tests.bench.worlds import Ours, furnish
from tests.support import swift
from tests.support.agekeys import KeyPair, library_key
from tests.support.buckets import Bucket
from tests.support.builders import snapshot_of

PUSH_TARGET = 0.8
MEMORY_LIMIT = 96 << 20
LISTING_LIMIT = 3.0
_LISTED = 10_000
_HOSTS = 100


def measure(folder: Path, corpus: Corpus, size: int, rounds: int) -> bool:
    """Print everything; whether every target was reached."""
    with _served(folder) as bucket:
        reached = _transfers(folder, corpus, size, rounds, bucket)
    return _listing(folder, rounds) and reached


@contextmanager
def _served(folder: Path) -> Iterator[Bucket]:
    if obstacle := swift.missing(install=True):
        raise SystemExit(obstacle)
    with swift.running(folder / "swift") as server:
        bucket = server.proxy.bucket(f"bench-{os.getpid()}").made()
        os.environ |= {"AWS_ACCESS_KEY_ID": bucket.key, "AWS_SECRET_ACCESS_KEY": bucket.secret}
        yield bucket


def _configured(folder: Path, name: str, config: RepositoryConfig, pair: KeyPair) -> str:
    path = folder / f"{name}.toml"
    path.write_text(
        f'[repositories.offsite]\nurl = "{config.url}"\nendpoint = "{config.endpoint}"\n'
        f'region = "{config.region}"\nrecipients = ["{pair.recipient}"]\nidentity = "{pair.identity}"\n'
    )
    return str(path)


def _transfers(folder: Path, corpus: Corpus, size: int, rounds: int, bucket: Bucket) -> bool:
    ours = Ours(furnish(folder / "o", corpus, size * MB).base)
    ours.command("save", "big")
    export = str(folder / "big.export")
    ours.command("export-snapshot", "1", export)
    pair = library_key(folder / "key")
    bare = bucket.config(f"bare-{uuid4().hex}")
    numbers = iter(range(10**6))

    def push() -> None:
        config = bucket.config(f"push-{next(numbers)}-{uuid4().hex}")
        ours.command("--config", _configured(folder, "push", config, pair), "push", "1", "offsite")

    def upload() -> None:
        program = "import sys; from tests.bench.copies import bare_upload; bare_upload(*sys.argv[1:])"
        line = [sys.executable, "-c", program, bare.url, bare.endpoint, bare.region, export]
        subprocess.run(line, check=True)

    def encrypt() -> None:
        line = f'age -r {pair.recipient} < "{export}" | cat > /dev/null'
        subprocess.run(["sh", "-c", line], check=True)

    series = alternate(
        {"push": Side(push), "age": Side(encrypt), "upload": Side(upload)}, rounds, Stopwatch(None)
    )
    slower = max(("age", "upload"), key=series.median)
    middle, least, most = series.ratio(slower, "push")
    times = ", ".join(f"{name} {series.median(name):.2f} s" for name in ("push", "age", "upload"))
    print(f"push {size} MB, encrypted: {middle:.2f} ({least:.2f}..{most:.2f}) of {slower}; {times}")
    config = _configured(folder, "peak", bucket.config(f"peak-{uuid4().hex}"), pair)
    peaks = {
        "push": measure_peak(ours, "--config", config, "push", "1", "offsite"),
        "check": measure_peak(ours, "--config", config, "check-snapshot", "--repo", "offsite"),
        "pull": measure_peak(ours, "--config", config, "pull", "offsite:1", "--to", f"{export}.back"),
    }
    for name, peak in peaks.items():
        print(f"memory of {name} {size} MB: {peak.ours >> 20} MiB, children {peak.children >> 20} MiB")
    fits = all(max(peak) <= MEMORY_LIMIT for peak in peaks.values())
    return middle >= PUSH_TARGET and fits


def bare_upload(url: str, endpoint: str, region: str, path: str) -> None:
    """Upload a file by the library alone."""
    import obstore
    from obstore.store import from_url

    store = from_url(url, endpoint=endpoint, region=region, client_options={"allow_http": True})
    with open(path, "rb") as file:
        obstore.put(store, uuid4().hex, file, chunk_size=8 << 20, max_concurrency=4)


def _listing(folder: Path, rounds: int) -> bool:
    """Ten thousand copies of a hundred machines in a directory, listed for the first time and again."""
    top = folder / "many"
    _fill(top)
    config = folder / "many.toml"
    config.write_text(f'[repositories.offsite]\nurl = "file://{top}"\n')
    first: list[float] = []
    again: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as root:
            ours = Ours(Path(root))
            line = ("--config", str(config), "saved", "--repo", "offsite", "--all-hosts")
            for times in (first, again):
                start = time.perf_counter()
                ours.command(*line)
                times.append(time.perf_counter() - start)
    print(f"{_LISTED} manifests listed: {min(first):.2f} s the first time, {min(again):.2f} s again (best)")
    return bool(min(first) <= LISTING_LIMIT)


def _fill(top: Path) -> None:
    for number in range(_LISTED):
        group = SnapshotSet(number + 1, (snapshot_of(number + 1, "cloud", {"archive.tgz": b"%d" % number}),))
        content_hash = content_hash_of(group)
        host = f"web{number % _HOSTS}-{number % _HOSTS:08x}"
        name = CopyName.new(host, 1_760_000_000 + number, number + 1, content_hash)
        manifest = Manifest(host, group, content_hash, Payload(3, "a" * 64, 3, "a" * 64))
        for kind, data in ((PAYLOAD, b"tar"), (MANIFEST, manifest_json(manifest))):
            path = top / str(ObjectKey(name, kind, False))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
