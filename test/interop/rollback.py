#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""States rolled back block by block, over changes of validators and parameters and over checkpoints: the library
does it to one copy, CometBFT to the other, and both hold the same pairs after every step.

Environment: CMT_TEST_ROLL_BACK, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
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
STEPS = 6


def roll_back(home, software):
    done = subprocess.run([os.environ["CMT_TEST_ROLL_BACK"], os.path.join(home, "data"), software],
                          capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Failed(f"roll_back: {done.stderr.strip()}")
    return int(done.stdout)


def same_as_comet(line, number):
    rng = random.Random(number)
    initial = rng.choice((1, 1, 9990, 99960))
    ours, theirs = WORK.new(), WORK.new()
    options = {
        "validators": rng.choice((1, 3, 7)), "max_txs": 2, "tx_bytes": 50,
        "validator_step": rng.choice((2, 3, 7)), "param_step": rng.choice((2, 3, 5)), "evidence_age": 5,
    }
    if line == "1.0" and rng.random() < 0.5:
        options["layout"] = "v2"
    height = oracle(line).gen(ours, rng.randint(12, 60), seed=number, initial=initial, **options)["height"]
    shutil.copytree(ours, theirs)
    for step in range(STEPS):
        software = oracle(line).rollback(theirs)["software"]
        expect_equal(roll_back(ours, software), height - step - 1, "height of the state")
        lines = [oracle(line).lines(home, "state") for home in (ours, theirs)]
        expect(lines[0] == lines[1], f"state rolled back to {height - step - 1}: {homes.differences(*lines)}")
        for home in (ours, theirs):  # the block that is now one too many
            oracle(line).rollback(home, hard=True)
    oracle(line).append(ours, 3)  # CometBFT goes on from there
    for home in (ours, theirs):
        WORK.discard(home)


def main():
    if not os.environ.get("CMT_TEST_ROLL_BACK"):
        sys.exit("CMT_TEST_ROLL_BACK must name the program roll_back")
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    for line in ("0.38", "1.0"):
        title = f"rolls states back as CometBFT {line} does"
        if available(line):
            tally.skip(title, available(line))
            continue
        count = 200 if full() else 5
        tally.run(title, same_as_comet, [(line, number) for number in range(first, first + count)])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
