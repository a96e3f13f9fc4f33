#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random scripts for the pruner service: retain heights asked for by application and companion, rounds, restarts.  The
library goes through one copy, CometBFT 1.0's own pruner through the other: the same answers, the same words to the
observer, and the same pairs at the end.

Environment: CMT_TEST_PRUNE_SERVICE, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more scripts), CMT_TEST_JOBS (2).
"""

import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Failed, Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)
LINE = "1.0"
# How far results were pruned: CometBFT notes that every 1,000 heights only, and we with each batch.
MARKER = b"lastABCIResponsesRetainHeight".hex().encode()


def script(rng, base, height, companion):
    """Mostly sensible heights that rise, some that are none, and some that fall."""
    steps, reached = [], {"app": base, "companion": base, "results": base}
    for _ in range(rng.randint(4, 25)):
        chance = rng.random()
        if chance < 0.35:
            steps.append("round")
        elif chance < 0.45:
            steps.append("restart")
        else:
            owner = rng.choice(("app", "companion", "results") if companion or rng.random() < 0.2 else ("app",))
            if rng.random() < 0.7:
                reached[owner] = min(height, reached[owner] + rng.randint(0, 12))
                steps.append(f"{owner}:{reached[owner]}")
            else:
                steps.append(f"{owner}:{rng.choice((0, -1, base - 1, height + 1, height, rng.randint(base, height)))}")
    return steps + ["round"]


def run_ours(home, steps, companion):
    done = subprocess.run([os.environ["CMT_TEST_PRUNE_SERVICE"], os.path.join(home, "data"), "companion" if companion else "alone",
                           *steps], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Failed(f"prune_service: {done.stderr.strip()}")
    return done.stdout.splitlines()


def without_marker(lines):
    return b"\n".join(line for line in lines.split(b"\n") if not line.startswith(MARKER))


def same_as_comet(number):
    rng = random.Random(number)
    ours, theirs = WORK.new(), WORK.new()
    options = {
        "validators": rng.choice((1, 3)), "max_txs": 2, "tx_bytes": 50, "validator_step": rng.choice((3, 7)),
        "param_step": rng.choice((2, 5)), "evidence_age": rng.choice((3, 10, 100)), "layout": rng.choice(("v1", "v2")),
        "extension_from": rng.choice((0, 1)),
    }
    initial = rng.choice((1, 1, 95))
    height = oracle(LINE).gen(ours, rng.randint(20, 80), seed=number, initial=initial, **options)["height"]
    shutil.copytree(ours, theirs)
    companion = rng.random() < 0.6
    steps = script(rng, initial, height, companion)
    got, wanted = run_ours(ours, steps, companion), oracle(LINE).prune_service(theirs, steps, companion)
    expect_equal(got, wanted, f"what came of {' '.join(steps)}")
    for db in homes.DATABASES:
        lines = [without_marker(oracle(LINE).lines(home, db)) for home in (ours, theirs)]
        expect(lines[0] == lines[1], f"{db} behind {' '.join(steps)}: {homes.differences(*lines)}")
    oracle(LINE).append(ours, 3)  # CometBFT goes on from there
    for home in (ours, theirs):
        WORK.discard(home)
    return [line.split()[0] for line in got]


def main():
    if not os.environ.get("CMT_TEST_PRUNE_SERVICE"):
        sys.exit("CMT_TEST_PRUNE_SERVICE must name the program prune_service")
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    title = f"prunes as the service of CometBFT {LINE} does"
    if available(LINE):
        tally.skip(title, available(LINE))
    else:
        count = 300 if full() else 25
        words = tally.run(title, same_as_comet, [(number,) for number in range(first, first + count)])
        seen = {word for of_one in words if of_one for word in of_one}
        tally.run("meets every answer", expect, [(seen >= {"accepted", "refused:", "blocks", "results", "base"}, f"only {seen}")])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
