# SPDX-License-Identifier: Apache-2.0
"""Homes of nodes: fixtures, copies, and what is in them."""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIXTURES = os.environ.get("CMT_FIXTURES", os.path.join(ROOT, "test", "fixtures"))
DATABASES = ("blockstore", "state")

# With golden dumps
GOLDEN = (
    "app-pruned-0.38",
    "checkpoint-0.38",
    "crashed-0.38",
    "digits-0.38",
    "discard-0.38",
    "flush-0.38",
    "levels-0.38",
    "multi-0.38",
    "multi-0.40",
    "multi-1.0-v2",
    "parts-0.38",
    "votes-ext-0.38",
    "multi-1.0-v1-pebble",  # these three on pebble
    "multi-1.0-v2-pebble",
    "shaped-1.0-v1-pebble",
)


# The same on RocksDB
GOLDEN_ROCKSDB = ("multi-0.38-rocksdb",)


def engine_of(fixture):
    if fixture.endswith("-rocksdb"):
        return "rocksdb"
    return "pebbledb" if fixture.endswith("-pebble") else "goleveldb"


def layout(fixture):
    return "v2" if "-v2" in fixture else "v1"


def line(fixture):
    """The oracle for the release line (and, of RocksDB, the engine) that wrote a fixture."""
    if engine_of(fixture) == "rocksdb":
        return "0.38-rocksdb"
    return "1.0" if "-1.0" in fixture else "0.38"


class Workspace:
    """A temporary directory that knows how to unpack fixtures; gone at the end of the `with`."""

    def __init__(self, in_memory=False):
        parent = os.environ.get("CMT_TEST_TMP")
        if parent is None and in_memory and os.access("/dev/shm", os.W_OK):
            parent = "/dev/shm"
        self.path = tempfile.mkdtemp(prefix="cmtstore-test-", dir=parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def new(self):
        """A path that does not exist yet.  Safe in parallel cases."""
        return os.path.join(tempfile.mkdtemp(dir=self.path), "home")

    def fixture(self, name):
        """The home of a fixture, unpacked once; for copying, not for changing."""
        target = os.path.join(self.path, "fixtures", name)
        if not os.path.isdir(target):
            os.makedirs(target)
            for candidate in (f"{name}/home.tar.gz", f"{name}/home.tar.xz", f"{name}.tar.xz"):
                archive = os.path.join(FIXTURES, candidate)
                if os.path.exists(archive):
                    subprocess.run(["tar", "-xf", archive, "-C", target], check=True)
        return os.path.join(target, "home") if os.path.isdir(os.path.join(target, "home")) else target

    def copy(self, home):
        target = self.new()
        shutil.copytree(home, target, symlinks=True)
        return target

    def discard(self, home):
        """Give the space of a finished case back early."""
        shutil.rmtree(os.path.dirname(home), ignore_errors=True)


def database(home, name):
    return os.path.join(home, "data", name + ".db")


def golden_lines(fixture, state, name):
    """The golden dump of one database: state is "before" or "retain-R"."""
    with gzip.open(os.path.join(FIXTURES, fixture, "golden", f"{state}.{name}.gz")) as f:
        return f.read()


def golden_report(fixture, retain):
    with open(os.path.join(FIXTURES, fixture, "golden", f"retain-{retain}.json")) as f:
        return json.load(f)


def golden_heights(fixture):
    names = os.listdir(os.path.join(FIXTURES, fixture, "golden"))
    return sorted(int(m[1]) for m in (re.fullmatch(r"retain-(\d+)\.json", name) for name in names) if m)


def digest(lines):
    return hashlib.sha256(lines).hexdigest()


def hash_of_file(path, chunk=1 << 20):
    """SHA-256 of size and contents; holes, of which badger's files have gigabytes, are stepped over."""
    whole = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA) // chunk * chunk
            except OSError:  # a hole up to the end
                break
            data = os.pread(f.fileno(), chunk, at)
            if data.strip(b"\0"):
                whole.update(b"%d " % at + data)
            at += chunk
    return f"{size} {whole.hexdigest()}"


def fingerprint(directory):
    """{relative path: (mode, owner, group, SHA-256 of the contents)} of a whole tree."""
    found = {}
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(parent, name)
            stat = os.lstat(path)
            content = hash_of_file(path) if os.path.isfile(path) else ""
            found[os.path.relpath(path, directory)] = (stat.st_mode, stat.st_uid, stat.st_gid, content)
    return found


def differences(got, wanted, limit=6):
    """The first differing pairs of two dumps, readable."""
    got_set, wanted_set = set(got.splitlines()), set(wanted.splitlines())
    texts = []
    for sign, lines in (("unwanted", got_set - wanted_set), ("missing", wanted_set - got_set)):
        texts += [f"{len(lines)} {sign}"] if lines else []
        texts += [f"{sign} {bytes.fromhex(l.split()[0].decode())!r}" for l in sorted(lines)[:limit]]
    return "; ".join(texts)
