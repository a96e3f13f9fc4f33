# SPDX-License-Identifier: Apache-2.0
"""CometBFT's own code as a judge: the Go programs of test/interop, spoken to in JSON lines."""

import functools
import glob
import json
import os
import shutil
import subprocess
import threading

from support import homes
from support.tally import Failed, Skip, reason_to_skip
from support.tools import cached

SOURCES = {"0.38": "go", "0.40": "go-0.40", "1.0": "go-1.0", "0.38-rocksdb": "go"}  # the last is the same on RocksDB alone
MISSING = ("dial tcp", "no such host", "proxy", "i/o timeout", "toolchain")  # in what Go says without its modules


def go_build(modules, package, path, tags=""):
    """Build one of our Go programs; Skip where something that it needs is not to be had."""
    done = subprocess.run(["go", "build", "-buildvcs=false", "-tags", tags, "-o", path, package], capture_output=True,
                          text=True, timeout=1500, cwd=os.path.join(homes.ROOT, "test", "interop", modules))
    if done.returncode == 0:
        return
    said = done.stderr.strip()
    if any(word in said for word in MISSING):
        raise Skip(f"Go modules cannot be fetched: {said[-200:]}")
    if "rocksdb" in tags and "grocksdb" in said:
        raise Skip(f"RocksDB's Go binding does not build here: {said[-200:]}")
    raise Failed(f"{modules} does not build: {said[-600:]}")


def go_sources():
    folders = [os.path.join(homes.ROOT, "test", "interop", folder) for folder in SOURCES.values()]
    return [path for folder in folders for path in glob.glob(os.path.join(folder, "**", "*.[gms]o*"), recursive=True)]


@functools.lru_cache(maxsize=None)
def built(line):
    """The path of the oracle for a release line; Skip where Go or its modules are not to be had."""
    given = os.environ.get("CMT_TEST_ORACLE_" + line.replace(".", "_").replace("-", "_"))
    if given:
        return given
    if shutil.which("go") is None:
        raise Skip("no Go here")
    return cached(f"cmtoracle-{line}", go_sources(),
                  lambda path: go_build(SOURCES[line], ".", path, tags="rocksdb" if line.endswith("-rocksdb") else ""))


def available(line="0.38"):
    """None if the oracle can be used, else why not."""
    return reason_to_skip(built, line)


class Oracle:
    """A long-lived oracle process.  One per test process and line."""

    def __init__(self, line):
        # It opens and closes databases, each with caches to be collected: less often, which is a quarter of its work.
        self._process = subprocess.Popen([built(line), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         env={"GOGC": "400", **os.environ})
        self._lock = threading.Lock()

    def ask(self, op, **fields):
        with self._lock:
            self._process.stdin.write(json.dumps({"op": op, **fields}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise Failed(f"the oracle died of {op} {fields}")
        reply = json.loads(line)
        if "error" in reply:
            raise Failed(f"oracle: {op} {fields.get('home', '')}: {reply['error']}")
        return reply

    def gen(self, home, heights, **chain):
        return self.ask("gen", home=home, heights=heights, chain=chain)

    def append(self, home, heights):
        return self.ask("append", home=home, heights=heights)

    def prune(self, home, retain):
        return self.ask("prune", home=home, retain=retain)

    def prune_service(self, home, script, companion):
        """CometBFT's pruner service (1.0 only) through a script; what came of it as lines."""
        return self.ask("prune-service", home=home, script=script, companion=companion)["lines"]

    def rollback(self, home, hard=False):
        return self.ask("rollback", home=home, hard=hard)

    def load(self, home):
        """Fails unless CometBFT can load all that a node may need."""
        return self.ask("load", home=home)

    def audit(self, home):
        """Fails unless CometBFT can load all, and every commit is signed by more than two thirds of its set."""
        return self.ask("audit", home=home)

    def compact(self, home):
        return self.ask("compact", home=home)

    def shape(self, home, out, seed, crash=False, **how):
        return self.ask("shape", home=home, out=out, crash=crash, chain={"seed": seed}, **how)

    def mutate(self, home, db, put=None, delete=()):
        return self.ask("mutate", home=home, db=db, delete=[key.hex() for key in delete],
                        set={key.hex(): value.hex() for key, value in (put or {}).items()})

    def pairs(self, home, db):
        """One database whole (RocksDB only)."""
        pairs = self.ask("pairs", home=home, db=db)["pairs"]
        return {bytes.fromhex(key): bytes.fromhex(value) for key, value in pairs.items()}

    def digest(self, home, db, write=False):
        """The digest of one database, every key iterated and got by CometBFT's engine."""
        return self.ask("dump", home=home, db=db, gets=True, write=write)["digest"]

    def lines(self, home, db, write=False):
        """The same as lines."""
        path = os.path.join(home, f".{db}.lines")
        self.ask("dump", home=home, db=db, gets=True, write=write, out=path)
        with open(path, "rb") as f:
            text = f.read()
        os.unlink(path)
        return text


@functools.lru_cache(maxsize=None)
def oracle(line="0.38"):
    return Oracle(line)
