#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills of a small node with the background compactor, and failing calls: at the calls by which an engine, a rewrite and
the journal change files, and kills at the executor's own points between a prune and what follows it.

What is deleted and not compacted is in the files alone.  So after a kill the pairs are those of before (or, with blocks
on their way, the node goes on to those of a run that was never interrupted), the next start finds what is still to be
compacted and does it, and nothing else is left in the data directory.

Environment: CMTSTORE, CMT_TEST_COMPACTOR_NODE, CMT_TEST_INJECT, CMT_TEST_SEED, CMT_TEST_FULL=1 (more points),
CMT_TEST_JOBS (2).
"""

import collections
import errno
import json
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, tools  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, reason_to_skip, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
ENGINES = ("goleveldb", "rocksdb")
# Blocks: up to here without a compactor, and with one from there.
BEGUN, ENDED = 90, 130
# Of cmt_fail_point.
POINTS = {"the state is saved": 6, "a batch of blocks is pruned": 7, "a batch of states is pruned": 8,
          "the stores are pruned": 9, "a task is enqueued": 10}


class Scenario(collections.namedtuple("Scenario", "engine target options")):
    """A run of the node on a home with BEGUN blocks, pruned and not compacted."""

    def __str__(self):
        return " ".join([self.engine, f"to {self.target}", *self.options])

    def on(self):
        """How far the next run goes: a prune that a kill has cut short is finished behind a block."""
        return self.target if self.target == BEGUN else self.target + 1


class Reference(collections.namedtuple("Reference", "scenario before after calls")):
    """Digests by database, and the calls that change files, of the uninterrupted run."""

    def __str__(self):
        return str(self.scenario)


def node(home, engine, target, *options, env=None):
    command = [os.environ["CMT_TEST_COMPACTOR_NODE"], os.path.join(home, "data"), engine, str(target), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})})


def finished(done):
    expect(done.returncode == 0, f"the node ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def begun(engine):
    """A home to start from, made once; for copying."""
    home = os.path.join(WORK.path, "begun-" + engine)
    for _ in range(20):
        if os.path.isdir(home):
            return home
        made = WORK.new()
        os.makedirs(os.path.join(made, "data"))
        finished(node(made, engine, BEGUN, "compactor=0"))
        if tombstones(made, engine) > 20:  # how much LevelDB compacts by itself depends on its thread
            os.rename(made, home)
    expect(False, "nothing is there to be compacted: nothing would be tested")


def digests(home):
    return {name: homes.digest(tools.dump(home, name)) for name in homes.DATABASES}


def tombstones(home, engine):
    """Deletions in the tables of both databases, told by another reader than the library."""
    if engine == "goleveldb":
        return sum(ldb.dead_weight(homes.database(home, name))[0] for name in homes.DATABASES)
    copy = WORK.copy(home)
    figures = finished(node(copy, engine, 0, "compactor=0"))
    WORK.discard(copy)
    return sum(figures["deletions"])


def expect_synced_before_exchange(calls):
    """What a crash of the machine may take is what was not synced: nothing of a copy when it is taken over."""
    exchanges = [i for i, (_, path) in enumerate(calls) if path.endswith("/previous")]
    expect_equal(len(exchanges), len(homes.DATABASES), "exchanges")
    for at in exchanges:
        copy = os.path.join(os.path.dirname(calls[at][1]), "copy")
        written, changed = set(), False
        for call, path in calls[:at]:
            inside = os.path.dirname(path) == copy
            if call in ("fsync", "fdatasync"):
                written.discard(path)
                changed = changed and path != copy
            elif call.startswith("unlink"):
                written.discard(path)  # as a table of deletions alone, which RocksDB finds empty
            elif call.startswith("write") and inside and not path.endswith((".log", "/LOG")):
                written.add(path)
            elif call.startswith(("open", "rename")) and inside and path.endswith((".ldb", ".sst", "/CURRENT")):
                changed = True
        expect_equal(sorted(written), [], "written and not synced when the copy is taken over")
        expect(not changed, "the directory of the copy is not synced when it is taken over")


def reference(scenario):
    home = WORK.copy(begun(scenario.engine))
    before, log = digests(home), home + ".calls"
    done = node(home, scenario.engine, scenario.target, *scenario.options, env=injection(home, LOG=log))
    finished(done)
    with open(log, encoding="utf-8") as f:
        calls = [tuple(line.rstrip("\n").split(" ", 2)[1:]) for line in f]
    calls = [(call, path) for call, path in calls if not path.endswith(" (deleted)")]  # open still, and of no name
    expect(len(calls) > 40, f"the injector saw {len(calls)} calls: nothing would be tested")
    if "rewrite=1" in scenario.options:
        expect_synced_before_exchange(calls)
    finished(node(home, scenario.engine, scenario.on()))
    after = digests(home)
    expect(after == before or scenario.target > BEGUN, "compacting has changed pairs")
    WORK.discard(home)
    return Reference(scenario, before, after, len(calls))


def injection(home, **variables):
    return {"LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_KIND": "all",
            **{f"CMT_INJECT_{name}": str(value) for name, value in variables.items()}}


def goes_on(home, ref):
    """The next run brings everything to its end."""
    scenario = ref.scenario
    dirty = tombstones(home, scenario.engine) > 0
    figures = finished(node(home, scenario.engine, scenario.on(), "expire=1"))
    expect(figures["found"] > 0 or not dirty, "deletions are there, and nothing is found to be compacted")
    expect_equal(figures["left"], 0, "ranges that are left")
    expect_equal(digests(home), ref.after, "pairs after the next run")
    expect_equal(tombstones(home, scenario.engine), 0, "deletions after the next run")
    expect_equal(sorted(os.listdir(os.path.join(home, "data"))), ["blockstore.db", "cmtstore", "state.db"], "data")
    expect_equal(os.listdir(os.path.join(home, "data", "cmtstore")), ["compactor.journal"], "data/cmtstore")
    for name in homes.DATABASES if scenario.engine == "goleveldb" else ():
        strays = [f for f in ldb.stray_files(homes.database(home, name)) if not f.endswith(".ldb")]
        expect_equal(strays, [], f"files in {name}")
        expect_equal(ldb.structure_problems(homes.database(home, name)), [], f"structure of {name}")


def survives_a_kill(ref, at, action):
    home = WORK.copy(begun(ref.scenario.engine))
    done = node(home, ref.scenario.engine, ref.scenario.target, *ref.scenario.options,
                env=injection(home, AT=at, ACTION=action))
    if done.returncode == 0:
        return False  # threads make a few calls more or less
    expect(done.returncode == -signal.SIGKILL, f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    seen = digests(home)  # also: a whole database is at each path
    if ref.scenario.target == BEGUN:
        expect_equal(seen, ref.before, "pairs after the kill")
    goes_on(home, ref)
    WORK.discard(home)
    return True


def survives_a_failing_call(ref, at, number):
    """The node may go on, or end with a failure; Debian's RocksDB ends its process at some."""
    home = WORK.copy(begun(ref.scenario.engine))
    done = node(home, ref.scenario.engine, ref.scenario.target, *ref.scenario.options,
                env=injection(home, AT=at, ACTION="fail", ERRNO=number))
    abort = (-signal.SIGABRT,) if ref.scenario.engine == "rocksdb" else ()
    expect(done.returncode in (0, 1, *abort), f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    if ref.scenario.target == BEGUN:
        expect_equal(digests(home), ref.before, "pairs after the failure")
    goes_on(home, ref)
    WORK.discard(home)


def survives_a_point(ref, point, times):
    home = WORK.copy(begun(ref.scenario.engine))
    done = node(home, ref.scenario.engine, ref.scenario.target, *ref.scenario.options, f"kill={POINTS[point]}:{times}")
    expect(done.returncode == -signal.SIGKILL, f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    goes_on(home, ref)
    WORK.discard(home)
    return True


def main():
    tools.require_cmtstore()
    tally = Tally()
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip("everything", reason)
        tally.finish()
    tools.rocksdb_check()
    rng = random.Random(seed())
    print(f"seed {seed()} (CMT_TEST_SEED repeats a run)", flush=True)
    for engine in ENGINES:
        begun(engine)
    killed = 0
    for title, target, options, often, seldom in (
        ("compaction", BEGUN, (), 30, 3),
        ("compaction, blocks on their way", ENDED, (), 25, 2),
        ("rewrite", BEGUN, ("rewrite=1", "expire=1"), 50, 5),
        ("rewrite, blocks on their way", ENDED, ("rewrite=1",), 25, 2),
    ):
        refs = tally.run(f"{title}, uninterrupted", reference, [(Scenario(e, target, options),) for e in ENGINES])
        cases = [(ref, at, rng.choice(("kill-before", "kill-after"))) for ref in refs
                 for at in rng.sample(range(1, ref.calls + 1), min(ref.calls, often if full() else seldom))]
        killed += sum(tally.run(f"{title}: killed", survives_a_kill, cases))
        for number in (errno.ENOSPC, errno.EIO):
            cases = [(ref, at, number) for ref in refs for at in rng.sample(range(1, ref.calls + 1), 20 if full() else 1)]
            tally.run(f"{title}: {errno.errorcode[number]} at a call", survives_a_failing_call, cases)
        if title == "compaction, blocks on their way":
            times = range(1, ENDED - BEGUN + 1)
            cases = [(ref, point, n) for ref in refs for point in POINTS for n in rng.sample(times, 3 if full() else 1)]
            killed += sum(tally.run("between a prune and what follows: killed", survives_a_point, cases))
    print(f"{killed} kills", flush=True)
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
