#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills at the calls by which an engine changes files while cmtstore prunes through it.

After a kill nothing that is kept is missing, base names a block that is there, and running the command again
ends with the golden pairs.

Environment: CMTSTORE, CMT_TEST_INJECT, CMT_TEST_SEED, CMT_TEST_FULL=1 (more points), CMT_TEST_JOBS (2).
"""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
SCENARIOS = (
    ("flush-0.38", 2400, "prune", ("--method", "engine")),
    ("multi-1.0-v2", 300, "prune-and-compact", ("--method", "engine")),
    ("app-pruned-0.38", 470, "prune-and-compact", ("--method", "engine")),
    ("multi-0.38-rocksdb", 560, "prune-and-compact", ()),
)
# What a prune writes anew; everything else that is left is as it was.
WRITTEN = (b"blockStore", b"validatorsKey:", b"consensusParamsKey:", b"lastABCIResponsesRetainHeight")


def run(home, scenario, **injection):
    fixture, retain, command, flags = scenario
    variables = {f"CMT_INJECT_{name}": str(value) for name, value in injection.items()}
    if variables:
        variables |= {"LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": home, "CMT_INJECT_KIND": "all"}
    return tools.change(command, home, "--no-sweep", "--retain-height", retain, *flags, env=variables or None)


def count_calls(scenario):
    home = WORK.copy(WORK.fixture(scenario[0]))
    log = home + ".calls"
    run(home, scenario, ACTION="count", AT=0, LOG=log).expect_code(tools.OK)
    with open(log, encoding="utf-8") as f:
        calls = sum(1 for _ in f)
    WORK.discard(home)
    return calls


def keeps_what_is_kept(home, fixture, retain):
    """Of the golden pairs none is missing; what was not deleted is as it was."""
    for name in homes.DATABASES:
        there = set(tools.dump(home, name).splitlines())
        before = set(homes.golden_lines(fixture, "before", name).splitlines())
        wanted = set(homes.golden_lines(fixture, f"retain-{retain}", name).splitlines())
        for what, lines in (("missing", (wanted & before) - there), ("new", there - before - wanted)):
            keys = [bytes.fromhex(line.split()[0].decode()) for line in lines]
            expect(all(key.startswith(WRITTEN) for key in keys), f"{name}: {what} {keys[:4]}")


def survives(scenario, at, action):
    fixture, retain, *_ = scenario
    home = WORK.copy(WORK.fixture(fixture))
    done = run(home, scenario, ACTION=action, AT=at)
    expect(done.code in (tools.FAILURE, tools.OK), f"ended with {done.code}: {done.err[-200:]}")
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    keeps_what_is_kept(home, fixture, retain)
    base = info["blockstore"]["base"]
    tools.run("plan", home, "--retain-height", max(base, retain), "--force").expect_code(tools.OK)
    run(home, scenario).expect_code(tools.OK)
    for name in homes.DATABASES:
        got, wanted = tools.dump(home, name), homes.golden_lines(fixture, f"retain-{retain}", name)
        expect(got == wanted, f"{name} after the second run: {homes.differences(got, wanted)}")
    expect_equal(tools.run("info", home, "-o", "json").json()["blockstore"]["base"], retain, "base")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    first = seed()
    rng = random.Random(first)
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    for scenario in SCENARIOS:
        calls = count_calls(scenario)
        points = sorted(rng.sample(range(1, calls + 1), min(calls, 300 if full() else 12)))
        tally.run(f"{scenario[0]} {scenario[2]}, killed at calls of {calls}", survives,
                  [(scenario, at, rng.choice(("kill-before", "kill-after"))) for at in points])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
