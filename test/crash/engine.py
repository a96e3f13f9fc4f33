#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The method engine, with the worker process killed or its calls failing at many points.

The command then says one sentence and ends with the code for it, the databases open, base names a block
that is there, and running the command again ends at the pairs that CometBFT's own prune leaves.  Of pebble,
where the engine works in clones, each database has the old or the new contents, for pebble too.

Environment: CMTSTORE, CMT_TEST_SEED, CMT_TEST_FULL=1 (many more points), CMT_TEST_JOBS (2).
"""

import errno
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, reason_to_skip, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)

# A fixture, the height to prune to, and flags that choose the engine.
PEBBLE = "multi-1.0-v1-pebble"
RUNS = (
    ("multi-0.38-rocksdb", 300, ()),
    ("levels-0.38", 99500, ("--method", "engine")),
    (PEBBLE, 150, ("--method", "engine")),
)


def interrupted(home, flags, at, action, number=0):
    return tools.change("prune-and-compact", home, *flags, env={
        "LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_KIND": "write" if number else "all",
        "CMT_INJECT_AT": str(at), "CMT_INJECT_ACTION": action, "CMT_INJECT_ERRNO": str(number),
    })


def count_calls(fixture, retain, flags):
    home = WORK.copy(WORK.fixture(fixture))
    log = home + ".calls"
    tools.change("prune-and-compact", home, "--no-sweep", "--retain-height", retain, *flags, env={
        "LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_LOG": log,
    }).expect_code(tools.OK)
    with open(log, encoding="utf-8") as f:
        calls = sum(1 for _ in f)
    WORK.discard(home)
    return calls


def finishes(home, fixture, retain, flags):
    """Whatever happened: the databases open, and the same command goes on to the golden pairs."""
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    base = info["blockstore"]["base"]
    expect(homes.golden_report(fixture, retain)["base_before"] <= base <= retain, f"base {base}")
    keys = {line.split()[0] for line in tools.dump(home, "blockstore").splitlines()}
    expect(f"H:{base}".encode().hex().encode() in keys, f"base {base} names a block that is not there")
    tools.change("prune-and-compact", home, "--no-sweep", "--retain-height", retain, *flags).expect_code(tools.OK)
    for name in homes.DATABASES:
        got, wanted = tools.dump(home, name), homes.golden_lines(fixture, f"retain-{retain}", name)
        expect(got == wanted, f"{name}: {homes.differences(got, wanted)}")
    left = os.path.join(home, "data", "cmtstore")
    if fixture == PEBBLE and os.path.exists(left):  # but for the empty directory
        expect_equal(os.listdir(left), [], f"what is left in {left}")
    WORK.discard(home)


def old_or_new(home, retain):
    """The block store is switched first; pebble opens copies for writing and sees the same."""
    seen = {name: tools.dump(home, name) for name in homes.DATABASES}
    new = {name: seen[name] == homes.golden_lines(PEBBLE, f"retain-{retain}", name) for name in homes.DATABASES}
    for name in homes.DATABASES:
        expect(new[name] or seen[name] == homes.golden_lines(PEBBLE, "before", name), f"{name} is neither old nor new")
    expect(new["blockstore"] or not new["state"], "the state store is new, the block store old")
    if available("1.0"):
        return
    copy = WORK.copy(home)
    for name in homes.DATABASES:
        got = oracle("1.0").lines(copy, name, write=True)
        expect(got == seen[name], f"pebble, {name}: {homes.differences(got, seen[name])}")
    WORK.discard(copy)


def survives(fixture, retain, flags, at, action, number):
    home = WORK.copy(WORK.fixture(fixture))
    done = interrupted(home, ("--no-sweep", "--retain-height", retain, *flags, "-q"), at, action, number)
    if action == "fail":
        full_disk = (tools.NO_SPACE,) if number == errno.ENOSPC else ()
        done.expect_code(tools.OK, tools.FAILURE, *full_disk)
    else:
        done.expect_code(tools.OK, tools.FAILURE)
    if done.code != tools.OK:
        lines = [line for line in done.err.splitlines() if not line.startswith(("E[", "ready:"))]
        expect(len(lines) == 1 and lines[0].startswith("cmtstore: "), f"not one sentence: {done.err!r}")
        expect_equal(done.out, b"", "standard output of a failed run")
    if fixture == PEBBLE:
        old_or_new(home, retain)
    finishes(home, fixture, retain, flags)


def main():
    tools.require_cmtstore()
    tally = Tally()
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip("everything", reason)
        tally.finish()
    rng = random.Random(seed())
    print(f"seed {seed()} (CMT_TEST_SEED repeats a run)")
    for fixture, retain, flags in RUNS:
        calls = count_calls(fixture, retain, flags)
        expect(calls > 20, f"the injector saw {calls} calls: nothing would be tested")
        points = range(1, calls + 1)
        some = points if full() else sorted(rng.sample(points, 12))
        name = " ".join((fixture, *flags))
        tally.run(f"{name}: the worker is killed", survives,
                  [(fixture, retain, flags, at, "kill-before", 0) for at in some])
        for number in (errno.ENOSPC, errno.EIO):
            some = points if full() else sorted(rng.sample(points, 8))
            tally.run(f"{name}: {errno.errorcode[number]} at a write", survives,
                      [(fixture, retain, flags, at, "fail", number) for at in some])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
