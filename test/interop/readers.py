#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cmtstore leaves, as goleveldb, C++ LevelDB, pebble and RocksDB see it: exactly the golden pairs, by iterating
and by getting every key, at once and after each engine has compacted everything.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_JOBS (2).  Arguments: only these fixtures.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal  # noqa: E402

WORK = homes.Workspace(in_memory=True)


# What opens the databases besides CometBFT's own engine.
PLAIN = {"goleveldb": ("C++ LevelDB", tools.cleveldb_dump), "rocksdb": ("RocksDB", tools.rocksdb_dump)}


def expect_golden(fixture, home, wanted, when):
    """Each engine opens copies, for writing as a node does: that alone changes a directory."""
    line = reader_of(fixture)
    for name in homes.DATABASES if homes.engine_of(fixture) in PLAIN else ():
        engine, dump = PLAIN[homes.engine_of(fixture)]
        copy = WORK.copy(home)
        seen = dump(homes.database(copy, name))
        expect(seen == wanted[name], f"{engine}, {name} {when}: {homes.differences(seen, wanted[name])}")
        WORK.discard(copy)
    if not available(line):
        copy = WORK.copy(home)
        for name in homes.DATABASES:
            seen = oracle(line).lines(copy, name, write=True)
            expect(seen == wanted[name], f"CometBFT's engine, {name} {when}: {homes.differences(seen, wanted[name])}")
        WORK.discard(copy)


def reader_of(fixture):
    """Whose engine reads it: pebble is CometBFT 1.0's."""
    return {"goleveldb": "0.38", "pebbledb": "1.0", "rocksdb": "0.38-rocksdb"}[homes.engine_of(fixture)]


def engines_agree(fixture, command, retain, method="auto"):
    home = WORK.copy(WORK.fixture(fixture))
    flags, state = [], "before"
    if command != "compact":
        state = f"retain-{retain}"
        flags = ["--no-sweep", "--retain-height", retain]
        flags += ["--force"] if retain == homes.golden_report(fixture, retain)["height"] else []
    wanted = {name: homes.golden_lines(fixture, state, name) for name in homes.DATABASES}
    tools.change(command, home, *flags, "--method", method).expect_code(tools.OK)
    expect_golden(fixture, home, wanted, f"after {command}")

    line = reader_of(fixture)
    compactions = {"C++ LevelDB": tools.cleveldb_compact} if line == "0.38" else {}
    if not available(line):
        compactions["CometBFT's engine"] = oracle(line).compact
    for engine, compact in compactions.items():
        copy = WORK.copy(home)
        compact(copy)
        expect_golden(fixture, copy, wanted, f"after {command} and a compaction by {engine}")
        WORK.discard(copy)
    WORK.discard(home)


def goes_on(fixture, retain, method="auto"):
    """CometBFT's own pruning, on top of ours, ends where CometBFT's pruning on its own ends."""
    heights = homes.golden_heights(fixture)
    target = heights[-1]
    ours, theirs = WORK.copy(WORK.fixture(fixture)), WORK.copy(WORK.fixture(fixture))
    judge = oracle(homes.line(fixture))
    tools.change("prune", ours, "--no-sweep", "--retain-height", retain, "--method", method).expect_code(tools.OK)
    expect_equal(judge.prune(theirs, retain)["base"], retain, "base after CometBFT's prune")
    for home in (ours, theirs):
        expect_equal(judge.prune(home, target)["base"], target, "base after CometBFT's second prune")
    for name in homes.DATABASES:
        got, wanted = judge.lines(ours, name), judge.lines(theirs, name)
        expect(got == wanted, f"{name} after ours and theirs: {homes.differences(got, wanted)}")
    WORK.discard(ours)
    WORK.discard(theirs)


def main():
    tools.require_cmtstore()
    tools.cleveldb_check()
    fixtures = sys.argv[1:] or homes.GOLDEN + homes.GOLDEN_ROCKSDB
    for fixture in fixtures:
        WORK.fixture(fixture)
    tally = Tally()
    for line in sorted({reader_of(fixture) for fixture in fixtures}):
        if available(line):
            tally.skip(f"what the engine of CometBFT {line} says", available(line))
    heights = [(f, r) for f in fixtures for r in homes.golden_heights(f)]
    for command in ("prune", "prune-and-compact"):
        tally.run(f"engines see the golden pairs after {command}", engines_agree, [(f, command, r) for f, r in heights])
    tally.run("engines see the golden pairs after compact", engines_agree, [(f, "compact", 0) for f in fixtures])
    pebbles = [(f, r) for f, r in heights if homes.engine_of(f) == "pebbledb"]
    for command in ("prune", "prune-and-compact"):
        tally.run(f"engines see the golden pairs after {command} of pebble by RocksDB", engines_agree,
                  [(f, command, r, "engine") for f, r in pebbles])
    tally.run("engines see the golden pairs after compact of pebble by RocksDB", engines_agree,
              [(f, "compact", 0, "engine") for f in fixtures if homes.engine_of(f) == "pebbledb"])
    tally.run("CometBFT's pruning goes on from RocksDB's in pebble", goes_on,
              [(f, r, "engine") for f, r in pebbles
               if r != homes.golden_heights(f)[-1] and not available(homes.line(f))])
    tally.run("CometBFT's pruning goes on from ours", goes_on,
              [(f, r) for f in fixtures for r in homes.golden_heights(f)[:-1] if not available(homes.line(f))])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
