#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A database written anew, while batches are written to it; killed, or its calls failing, at many points.

Whatever happened, at the original path is a whole database with every pair that was there and every batch that was
acknowledged, also for CometBFT's own engines; the next run finishes the work and leaves nothing but the backup.

Environment: CMTSTORE, CMT_TEST_ENGINE_DB, CMT_TEST_INJECT, CMT_TEST_SEED, CMT_TEST_FULL=1 (more points),
CMT_TEST_JOBS (2).
"""

import errno
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, reason_to_skip, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
NAME = "blockstore"
# A fixture, the engine, and whose CometBFT reads it.
SCENARIOS = (
    ("multi-0.38", "goleveldb", "0.38"),
    ("multi-0.38-rocksdb", "rocksdb", "0.38-rocksdb"),
)


def rewrite(home, engine, **injection):
    """Returns the exit status (1 also where RocksDB's own assertions end the process, as Debian builds it), and the
    numbers of the batches that were acknowledged."""
    variables = {f"CMT_INJECT_{name}": str(value) for name, value in injection.items()}
    if variables:
        variables |= {"LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home}
    done = subprocess.run(tools.engine_db("rewrite", engine, homes.database(home, NAME)), capture_output=True,
                          env=os.environ | variables, timeout=120)
    code = done.returncode
    if code == -signal.SIGABRT and b"rocksdb" in done.stderr and b"Assertion" in done.stderr:
        code = 1
    return code, [int(line) for line in done.stdout.split()]


def count_calls(fixture, engine):
    home = WORK.copy(WORK.fixture(fixture))
    log = home + ".calls"
    code, _ = rewrite(home, engine, ACTION="count", AT=0, LOG=log)
    expect_equal(code, 0, "exit status of an undisturbed run")
    with open(log, encoding="utf-8") as f:
        calls = sum(1 for _ in f)
    WORK.discard(home)
    return calls


def holds(lines, fixture, acknowledged):
    """Every old pair, the batches that were acknowledged, whole, and nothing that nobody wrote."""
    got, before = set(lines.splitlines()), set(homes.golden_lines(fixture, "before", NAME).splitlines())
    expect(before <= got, f"lost {len(before - got)} pairs")
    new = [bytes.fromhex(line.split()[0].decode()).decode() for line in got - before]
    expect(all(key.startswith("new:") for key in new), f"foreign keys: {new[:3]}")
    batches = {}
    for key in new:
        batches.setdefault(int(key.split(":")[1]), []).append(key)
    expect(all(len(keys) == 8 for keys in batches.values()), "half a batch")
    expect(set(acknowledged) <= set(batches), f"acknowledged {acknowledged}, there are {sorted(batches)}")


def survives(fixture, engine, line, at, action, number):
    home = WORK.copy(WORK.fixture(fixture))
    code, acknowledged = rewrite(home, engine, KIND="write" if number else "all", AT=at, ACTION=action, ERRNO=number)
    if number:
        expect(code in (0, 1), f"ended with {code}")
    holds(tools.dump(home, NAME), fixture, acknowledged)
    code, more = rewrite(home, engine)
    expect_equal(code, 0, "exit status of the next run")
    holds(tools.dump(home, NAME), fixture, acknowledged + more)
    data = os.path.join(home, "data")
    expect(not os.path.exists(os.path.join(data, "cmtstore")), f"left over: {list(os.walk(os.path.join(data, 'cmtstore')))}")
    expect(os.path.exists(os.path.join(data, f"{NAME}.db.old", "CURRENT")), "no backup")
    if not available(line) and at % 5 == 0:
        holds(oracle(line).lines(home, NAME, write=True), fixture, acknowledged + more)
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    reason = reason_to_skip(tools.injector) or reason_to_skip(tools.engine_db)
    if reason:
        tally.skip("everything", reason)
        tally.finish()
    rng = random.Random(seed())
    print(f"seed {seed()} (CMT_TEST_SEED repeats a run)", flush=True)
    for fixture, engine, line in SCENARIOS:
        calls = count_calls(fixture, engine)
        expect(calls > 40, f"the injector saw {calls} calls: nothing would be tested")
        points = rng.sample(range(1, calls + 1), min(calls, 300 if full() else 10))
        tally.run(f"{fixture}: killed at calls of {calls}", survives,
                  [(fixture, engine, line, at, rng.choice(("kill-before", "kill-after")), 0) for at in points])
        for number in (errno.ENOSPC, errno.EIO):
            points = rng.sample(range(1, calls + 1), min(calls, 150 if full() else 4))
            tally.run(f"{fixture}: {errno.errorcode[number]} at a write", survives,
                      [(fixture, engine, line, at, "fail", number) for at in points])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
