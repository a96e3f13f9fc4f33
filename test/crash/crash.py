#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills and faults at every call by which cmtstore changes a file.

After a kill each database holds exactly its old or exactly its new pairs, for cmtstore, C++ LevelDB,
goleveldb, pebble and RocksDB alike, and never is the state store new while the block store is old; running the command
again ends where the uninterrupted run ended and leaves nothing lying about.  After a failing call
either nothing has changed, or the work is done.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (every point instead of a sample),
CMT_TEST_JOBS (2).
"""

import collections
import errno
import os
import random
import re
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, reason_to_skip, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)


class Scenario(collections.namedtuple("Scenario", "fixture command flags")):
    """What is done to which fixture."""

    def __str__(self):
        return " ".join([self.fixture, self.command, *self.flags])


class Reference(collections.namedtuple("Reference", "scenario old new calls")):
    """The uninterrupted run: digests by database before and after, and the counted calls."""

    def __str__(self):
        return str(self.scenario)


HEIGHTS = {
    "multi-0.38": 560,  # in the evidence window
    "app-pruned-0.38": 470,
    "crashed-0.38": 100,
    "digits-0.38": 9990,
    "votes-ext-0.38": 120,
    "checkpoint-0.38": 100001,
    "discard-0.38": 60,
    "multi-1.0-v1-pebble": 150,
}
ROCKSDB = "multi-0.38-rocksdb"
WRITES, DATA = "write", "data"


def scenarios():
    for fixture, retain in HEIGHTS.items():
        keep = ("--retain-height", str(retain))
        by_edit = ("--method", "edit") if fixture.endswith("-pebble") else ()  # else in a worker, and that were killed
        yield Scenario(fixture, "prune", (*keep, "--no-sweep", *by_edit))
        yield Scenario(fixture, "prune-and-compact", (*keep, "--no-sweep", *by_edit))
        if fixture != "checkpoint-0.38":  # which is compact already
            yield Scenario(fixture, "compact", by_edit)
    yield Scenario("app-pruned-0.38", "prune", ("--retain-height", "470"))
    for command in ("prune", "prune-and-compact"):
        yield Scenario(ROCKSDB, command, ("--retain-height", "300", "--no-sweep", "--method", "edit"))


def inject(home, scenario, kind, at=0, action="count", number=0):
    """Run the scenario with the injector.  Returns the run and the counted calls."""
    log = home + ".calls"
    done = tools.change(scenario.command, home, *scenario.flags, env={
        "LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_KIND": kind, "CMT_INJECT_AT": str(at),
        "CMT_INJECT_ACTION": action, "CMT_INJECT_ERRNO": str(number), "CMT_INJECT_LOG": log,
    })
    calls = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            calls = [line.split()[1:] for line in f]
        os.unlink(log)
    return done, calls


def digests(home):
    return {name: homes.digest(tools.dump(home, name)) for name in homes.DATABASES}


def is_switch(call, name):
    return call[0].startswith("rename") and call[1].endswith(f"/{name}.db/CURRENT")


def line_of(home):
    """Whose code reads it: pebble is CometBFT 1.0's; None: RocksDB."""
    version = ldb.Version(homes.database(home, "state"))
    return None if version.rocksdb else "1.0" if version.pebble else "0.38"


def open_with_engine(home, line, name):
    """As a node does; the digest of what is seen."""
    if line is not None:
        return oracle(line).digest(home, name, write=True)
    return homes.digest(tools.rocksdb_dump(homes.database(home, name)))


def left_behind(home, through_engine=False, interrupted=False):
    """What a finished run should have removed.  Not the tables that goleveldb leaves when it closes: a
    run with nothing to do does not touch them, and goleveldb removes them at its next start.  Nor, once
    interrupted, an old MANIFEST and old logs of pebble's: it keeps such itself."""
    found = [f"{name}/{f}" for name in homes.DATABASES for f in ldb.stray_files(homes.database(home, name))]
    found = [f for f in found if not (through_engine and f.endswith(".ldb"))]
    if through_engine and line_of(home) is None:  # RocksDB made the tables it needed
        found = [f for f in found if not f.endswith(".sst")]
    if (interrupted or through_engine) and line_of(home) == "1.0":
        found = [f for f in found if not re.search(r"/MANIFEST-\d+$|\.log$", f)]
    trash = os.path.join(home, "data", "cmtstore", "trash")
    return found + [os.path.join(parent, f) for parent, _, files in os.walk(trash) for f in files]


def expect_tidy(home, scenario, through_engine=False, interrupted=False):
    expect_equal(left_behind(home, through_engine, interrupted), [], "files left behind")
    for name in homes.DATABASES:
        directory = homes.database(home, name)
        expect_equal(ldb.structure_problems(directory), [], f"structure of {name}")
        if scenario.command == "compact":
            expect_equal(ldb.dead_weight(directory), (0, 0), f"tombstones and hidden entries of {name}")


def reference(scenario):
    """What the interrupted runs are measured against."""
    home = WORK.copy(WORK.fixture(scenario.fixture))
    old = digests(home)
    done, calls = inject(home, scenario, "all")
    done.expect_code(tools.OK)
    new = digests(home)
    expect_tidy(home, scenario)
    for name in homes.DATABASES:
        switches = sum(is_switch(call, name) for call in calls)
        expect(switches <= 1, f"CURRENT of {name} was renamed {switches} times")
        expect(switches == 1 or new[name] == old[name], f"{name} changed without a switch of CURRENT")
    expect(any(is_switch(call, "blockstore") for call in calls), "the injector saw no switch: nothing would be tested")
    WORK.discard(home)
    return Reference(scenario, old, new, calls)


def classify(home, ref):
    """Which pairs each database holds, "old" or "new" (both where there is no difference)."""
    seen = digests(home)
    found = {}
    for name in homes.DATABASES:
        found[name] = {word for word, wanted in (("old", ref.old), ("new", ref.new)) if seen[name] == wanted[name]}
        expect(found[name], f"{name} holds neither the old nor the new pairs")
    expect("new" in found["blockstore"] or "old" in found["state"], "the state store is new, the block store old")
    return seen, found


def expect_engines_agree(home, seen):
    """The engines open copies, as a node does, and see the same."""
    line = line_of(home)
    copy = WORK.copy(home)
    for name in homes.DATABASES if line == "0.38" else ():
        lines = tools.cleveldb_dump(homes.database(copy, name))
        expect_equal(homes.digest(lines), seen[name], f"what C++ LevelDB sees in {name}")
    WORK.discard(copy)
    if line is not None and available(line):
        return
    copy = WORK.copy(home)
    for name in homes.DATABASES:
        expect_equal(open_with_engine(copy, line, name), seen[name], f"what the engine sees in {name}")
    WORK.discard(copy)


def expect_converges(home, ref, through_engine):
    """Running the command again ends where the uninterrupted run ended."""
    line = line_of(home)
    if through_engine and (line is None or not available(line)):
        for name in homes.DATABASES:  # as if the node had been started in between
            open_with_engine(home, line, name)
    tools.change(ref.scenario.command, home, *ref.scenario.flags).expect_code(tools.OK)
    expect_equal(digests(home), ref.new, "pairs after running it again")
    expect_tidy(home, ref.scenario, through_engine, interrupted=True)


def survives_a_kill(ref, at, action, through_engine):
    home = WORK.copy(WORK.fixture(ref.scenario.fixture))
    done, _ = inject(home, ref.scenario, "all", at, action)
    # Threads that empty the trash may make fewer calls in another run.
    expect(done.code == -signal.SIGKILL or at >= len(ref.calls) - 4, f"not killed, but ended with {done.code}")
    seen, _ = classify(home, ref)
    expect_engines_agree(home, seen)
    expect_converges(home, ref, through_engine)
    WORK.discard(home)


def survives_a_fault(ref, at, number):
    """One call fails: nothing has changed, or all is done and the report says what was wrong."""
    home = WORK.copy(WORK.fixture(ref.scenario.fixture))
    before = homes.fingerprint(os.path.join(home, "data"))
    done, calls = inject(home, ref.scenario, WRITES, at, "fail", number)
    done.expect_code(tools.OK, tools.NO_SPACE if number == errno.ENOSPC else tools.FAILURE)
    seen, found = classify(home, ref)
    switched = any(is_switch(call, name) for call in calls[: at - 1] for name in homes.DATABASES)
    if done.code == tools.OK:
        expect("new" in found["blockstore"] and "new" in found["state"], "success without the work")
        expect(not left_behind(home) or os.strerror(number).lower() in done.err.lower(),
               f"{left_behind(home)} is left, and nothing is said about it: {done.err!r}")
    elif not switched:
        after = homes.fingerprint(os.path.join(home, "data"))
        changed = sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
        expect_equal([p for p in changed if not p.startswith("cmtstore")], [],
                     f"files changed by a run that failed before its switch (call {at}: {calls[at - 1:at]})")
        told = os.strerror(number).lower() in done.err.lower() or number == errno.ENOSPC
        expect(told, f"what failed is not told: {done.err!r}")
    expect_engines_agree(home, seen)
    expect_converges(home, ref, False)
    WORK.discard(home)


def survives_a_short_write(ref, at):
    home = WORK.copy(WORK.fixture(ref.scenario.fixture))
    done, _ = inject(home, ref.scenario, DATA, at, "short")
    done.expect_code(tools.OK)
    expect_equal(digests(home), ref.new, "pairs after a short write")
    expect_tidy(home, ref.scenario)
    WORK.discard(home)


# ---- which points ----------------------------------------------------------------------------


def kill_points(ref, rng):
    """All of them, or the switches and some others."""
    calls = range(1, len(ref.calls) + 1)
    switches = [n for n in calls if any(is_switch(ref.calls[n - 1], name) for name in homes.DATABASES)]
    points = {(n, action) for n in switches for action in ("kill-before", "kill-after")}
    rest = [(n, "kill-before") for n in calls] + [(len(ref.calls), "kill-after")]
    points.update(rest if full() else rng.sample(rest, min(4, len(rest))))
    return [(ref, n, action, i % 2 == 1) for i, (n, action) in enumerate(sorted(points))]


def counted(ref, kind):
    """How many calls of a kind the uninterrupted run makes."""
    home = WORK.copy(WORK.fixture(ref.scenario.fixture))
    done, calls = inject(home, ref.scenario, kind)
    done.expect_code(tools.OK)
    WORK.discard(home)
    return len(calls)


def fault_points(ref, rng):
    calls = range(1, counted(ref, WRITES) + 1)
    points = [(ref, n, number) for n in calls for number in (errno.ENOSPC, errno.EIO)]
    return points if full() else rng.sample(points, min(3, len(points)))


def short_points(ref, rng):
    points = [(ref, n) for n in range(1, counted(ref, DATA) + 1)]
    return points if full() else rng.sample(points, min(2, len(points)))


def nothing_goes_unseen(ref):
    """Every call of strace's that changes a file is one that the injector has counted."""
    home = WORK.copy(WORK.fixture(ref.scenario.fixture))
    lines = tools.changing_calls(home, ref.scenario.command, *ref.scenario.flags, "--yes")
    made = [line for line in lines if tools.makes(line)]
    # Threads that empty the trash may make a few calls more or less.
    expect(abs(len(made) - len(ref.calls)) <= 4,
           f"strace saw {len(made)} calls that change files, the injector {len(ref.calls)}")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip("everything", reason)
        tally.finish()
    tools.cleveldb_check()
    first = seed()
    rng = random.Random(first)
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    reason = available() or available("1.0")
    if reason:
        tally.skip("what CometBFT's engines see after kills and faults", reason)
    tools.rocksdb_check()
    for fixture in (*HEIGHTS, ROCKSDB):
        WORK.fixture(fixture)
    refs = tally.run("runs through, uninterrupted", reference, list(scenarios()))
    tally.run("the injector sees all that changes files", nothing_goes_unseen, [(ref,) for ref in refs[:3]])
    for title, function, points in (
        ("survives a kill", survives_a_kill, kill_points),
        ("survives a failing call", survives_a_fault, fault_points),
        ("survives a short write", survives_a_short_write, short_points),
    ):
        for command in ("prune", "prune-and-compact", "compact"):
            cases = [case for ref in refs if ref.scenario.command == command for case in points(ref, rng)]
            tally.run(f"{title}: {command}", function, cases)
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
