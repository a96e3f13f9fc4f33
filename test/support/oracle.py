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

SOURCES = {"0.38": "go", "1.0": "go-1.0"}


@functools.lru_cache(maxsize=None)
def built(line):
    """The path of the oracle for a release line; Skip where Go or its modules are not to be had."""
    given = os.environ.get("CMT_TEST_ORACLE_" + line.replace(".", "_"))
    if given:
        return given
    if shutil.which("go") is None:
        raise Skip("no Go here")
    modules = os.path.join(homes.ROOT, "test", "interop")
    sources = [path for line_dir in SOURCES.values()
               for path in glob.glob(os.path.join(modules, line_dir, "**", "*.[gms]o*"), recursive=True)]

    def build(path):
        done = subprocess.run(["go", "build", "-buildvcs=false", "-o", path, "."], capture_output=True, text=True, timeout=900,
                              cwd=os.path.join(modules, SOURCES[line]))
        if done.returncode == 0:
            return
        if any(word in done.stderr for word in ("dial tcp", "no such host", "proxy", "i/o timeout", "toolchain")):
            raise Skip(f"Go modules cannot be fetched: {done.stderr.strip()[-200:]}")
        raise Failed(f"the {line} oracle does not build: {done.stderr.strip()[-600:]}")

    return cached(f"cmtoracle-{line}", sources, build)


def available(line="0.38"):
    """None if the oracle can be used, else why not."""
    return reason_to_skip(built, line)


class Oracle:
    """A long-lived oracle process.  One per test process and line."""

    def __init__(self, line):
        self._process = subprocess.Popen([built(line), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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

    def load(self, home):
        """Fails unless CometBFT can load all that a node may need."""
        return self.ask("load", home=home)

    def compact(self, home):
        return self.ask("compact", home=home)

    def shape(self, home, out, seed, crash=False, **how):
        return self.ask("shape", home=home, out=out, crash=crash, chain={"seed": seed}, **how)

    def mutate(self, home, db, put=None, delete=()):
        return self.ask("mutate", home=home, db=db, delete=[key.hex() for key in delete],
                        set={key.hex(): value.hex() for key, value in (put or {}).items()})

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
