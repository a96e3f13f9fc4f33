#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""goleveldb locks by flock, the C++ engines and pebble by fcntl.  Whoever of them has a database open keeps every way of
ours out, and each of ours keeps all of them out; we change not one byte of what we are kept out of.

Environment: CMTSTORE, CMT_TEST_ENGINE_DB, CMT_TEST_CACHE, CMT_TEST_JOBS (2).
"""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, oracle, tools  # noqa: E402
from support.tally import Failed, Tally, expect, expect_equal, reason_to_skip  # noqa: E402

WORK = homes.Workspace()
LEVELDB, ROCKSDB, PEBBLE = "multi-0.38", "multi-0.38-rocksdb", "multi-1.0-v1-pebble"


def both(home):
    return [homes.database(home, name) for name in homes.DATABASES]


# Each holds both databases of a home: what it is used on, and its command.
FOREIGN = {
    "goleveldb": (LEVELDB, lambda home: [oracle.built("0.38"), "hold", "-home", home]),
    "C++ LevelDB": (LEVELDB, lambda home: [tools.cleveldb_check(), "hold", *both(home)]),
    "RocksDB": (ROCKSDB, lambda home: tools.rocksdb_check("hold", *both(home))),
    "pebble": (PEBBLE, lambda home: [oracle.built("1.0"), "hold", "-home", home]),
}
OURS = {
    "our LevelDB": (LEVELDB, lambda home: tools.engine_db("hold", "goleveldb", *both(home))),
    "our RocksDB": (ROCKSDB, lambda home: tools.engine_db("hold", "rocksdb", *both(home))),
    "our edit": (None, lambda home: tools.engine_db("lock", *both(home))),
}
CHANGES = (("prune", "--retain-height", 300), ("prune-and-compact", "--keep-blocks", 9), ("compact",))


def holding(who, home):
    fixture, command = {**FOREIGN, **OURS}[who]
    process = subprocess.Popen(command(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    expect_equal(process.stdout.readline(), b"held\n", f"{who} says")
    return process


def let_go(process):
    process.communicate(timeout=60)
    expect_equal(process.returncode, 0, "exit code of the holder")


def at_rest(home):
    """The files of a home, when an engine that has just opened it has done what it does in the background."""
    seen = None
    for _ in range(100):
        try:
            now = homes.fingerprint(home)
        except FileNotFoundError:  # removed between listing and reading
            now = None
        if now is not None and now == seen:
            return now
        seen = now
        time.sleep(0.1)
    raise Failed("the engine does not come to rest")


def code_of(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode


def wanted_codes(fixture):
    """What cmtstore answers: engines that it does not change yet it refuses before it looks who is there."""
    return (tools.BUSY, tools.REFUSED) if fixture == PEBBLE else (tools.BUSY,)


def keeps_us_out(who, fixture):
    """A holder of a database, and every way in which we might open it."""
    home = WORK.copy(WORK.fixture(fixture))
    holder = holding(who, home)
    before = at_rest(home)
    for command, *flags in CHANGES:
        tools.change(command, home, *flags).expect_code(*wanted_codes(fixture))
    for directory in both(home):
        for engine in ("goleveldb", "cleveldb", "rocksdb"):
            fits = (engine == "rocksdb") == (fixture == ROCKSDB) and fixture != PEBBLE
            wanted = tools.BUSY if fits else tools.REFUSED
            expect_equal(code_of(tools.engine_db("open", engine, directory)), wanted, f"open as {engine} beside {who}")
        expect_equal(code_of(tools.engine_db("lock", directory)), tools.BUSY, f"locks beside {who}")
    expect_equal(homes.fingerprint(home), before, f"files beside {who}")
    if fixture == LEVELDB:
        for name in homes.DATABASES:
            expect(tools.dump(home, name) == homes.golden_lines(fixture, "before", name), f"dump of {name} beside {who}")
    let_go(holder)
    if fixture == LEVELDB:
        tools.change("prune", home, "--retain-height", 300).expect_code(tools.OK)
    WORK.discard(home)


def foreign_open(who, home):
    """One attempt of another engine to open both databases; its exit code."""
    return code_of(FOREIGN[who][1](home))


def keeps_them_out(who, fixture, other):
    home = WORK.copy(WORK.fixture(fixture))
    holder = holding(who, home)
    expect(foreign_open(other, home) != 0, f"{other} opened what {who} holds")
    let_go(holder)
    if FOREIGN[other][0] == fixture:
        expect_equal(foreign_open(other, home), 0, f"exit code of {other} afterwards")
    WORK.discard(home)


def kept_out_of_a_prune(who, name, at):
    """An opener meets a prune that stands still at its `at`-th call that changes a file."""
    home = WORK.copy(WORK.fixture(LEVELDB))
    directory = homes.database(home, name)
    with tools.Stopped(home, at, "--retain-height", "300", "--no-sweep") as prune:
        if who in OURS:
            expect_equal(code_of(tools.engine_db("open", "goleveldb", directory)), tools.BUSY, "our LevelDB beside a prune")
            tools.change("compact", home).expect_code(tools.BUSY)
        elif who == "C++ LevelDB":
            expect(code_of([tools.cleveldb_check(), "dump", directory]) != 0, f"{who} opened {name} while cmtstore was writing")
        else:
            expect(foreign_open(who, home) != 0, f"{who} opened {name} while cmtstore was writing")
        prune.go_on()
    for database in homes.DATABASES:
        wanted = homes.golden_lines(LEVELDB, "retain-300", database)
        expect(tools.dump(home, database) == wanted, f"{database} after the prune")
    WORK.discard(home)


def writing_calls():
    """Numbers of calls at which a prune is at work: first and last write, both switches."""
    home = WORK.copy(WORK.fixture(LEVELDB))
    calls = tools.calls_of_a_prune(home, "--retain-height", 300, "--no-sweep")
    WORK.discard(home)
    writes = [n for n, call in enumerate(calls, 1) if call[0] == "write"]
    switches = [n for n, call in enumerate(calls, 1) if call[1].endswith("/CURRENT")]
    return sorted({writes[0], writes[-1], *switches})


def available(tally):
    """The foreign engines that can be had here."""
    found = ["C++ LevelDB", "RocksDB"]
    for engine, line in (("goleveldb", "0.38"), ("pebble", "1.0")):
        reason = oracle.available(line)
        if reason:
            tally.skip(f"locks of {engine}", reason)
        else:
            found.append(engine)
    return found


def main():
    tools.require_cmtstore()
    tools.engine_db()
    tools.rocksdb_check()
    for fixture in (LEVELDB, ROCKSDB, PEBBLE):
        WORK.fixture(fixture)
    tally = Tally()
    engines = available(tally)
    tally.run("keeps out of a database that another engine has open", keeps_us_out,
              [(engine, FOREIGN[engine][0]) for engine in engines])
    ours = [(who, fixture) for who, (own, _) in OURS.items() for fixture in ((own,) if own else (LEVELDB, ROCKSDB, PEBBLE))]
    tally.run("keeps out of a database that another of ours has open", keeps_us_out, ours)
    tally.run("other engines are kept out of what one of ours has open", keeps_them_out,
              [(who, fixture, engine) for who, fixture in ours for engine in engines])
    title = "an engine is kept out while cmtstore writes"
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip(title, reason)
    else:
        openers = [engine for engine in engines if FOREIGN[engine][0] == LEVELDB] + ["our LevelDB"]
        tally.run(title, kept_out_of_a_prune, [(e, name, at) for e in openers for name in homes.DATABASES for at in writing_calls()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
