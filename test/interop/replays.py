#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`replay` with settings that the source does not have: CometBFT made the same random chain once with them and once without, and
replaying the second with them gives the first, pair for pair.  What `gen` makes, CometBFT loads, verifies and prunes.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more chains), CMT_TEST_JOBS (2).
Arguments: only these seeds.
"""

import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)


def options_of(rng):
    initial = rng.choice((1, 1, 95, 9960, 99950))
    options = {
        "initial": initial,
        "validators": rng.choice((1, 3, 5)),
        "max_txs": 3,
        "tx_bytes": rng.choice((60, 900)),
        "validator_step": rng.choice((0, 7, 13)),
        "param_step": rng.choice((0, 9)),
        "evidence_age": rng.choice((3, 20, 70)),
    }
    if rng.random() < 0.3:
        options["extension_from"] = initial + rng.randint(1, 30)
    return options


def expect_same(ours, theirs, what):
    for name in homes.DATABASES:
        got, wanted = tools.dump(ours, name), tools.dump(theirs, name)
        expect(got == wanted, f"{what}: {name}: {homes.differences(got, wanted)}")


def gives_its_twin(line, number, setting):
    """setting: what CometBFT is told, and what replay is."""
    rng = random.Random(number)
    options = {"seed": number, **options_of(rng)}
    keep = rng.randint(5, 50)
    told, flags = {"discard": ({"discard": True}, ["--discard-results"]),
                   "retain": ({"retain_blocks": keep}, ["--retain-blocks", str(keep), "--no-sweep"])}[setting]
    whole, twin, ours = WORK.new(), WORK.new(), WORK.new()
    heights = rng.randint(60, 140)
    oracle(line).gen(whole, heights, **options)
    oracle(line).gen(twin, heights, **options, **told)
    tools.run("replay", whole, "--to", ours, "-q", *flags).expect_code(tools.OK)
    expect_same(ours, twin, f"{options} {flags}")
    if setting == "retain":
        oracle(line).audit(ours)
    for home in (whole, twin, ours):
        WORK.discard(home)


RELEASES = {"0.38": ("0.38",), "1.0": ("1.0", "--key-layout", "v1")}


def is_loaded_by_cometbft(line, number):
    rng = random.Random(number)
    home = WORK.new()
    blocks = rng.randint(40, 120)
    args = ["--blocks", blocks, "--seed", number, "--validators", rng.choice((1, 4, 9)), "--txs", rng.choice((0, 5)), "--tx-bytes", rng.choice((50, 40000)),
            "--validators-every", rng.choice((3, 11)), "--params-every", 10, "--release", *RELEASES[line]]
    if rng.random() < 0.5:
        args += ["--extensions-from", rng.randint(1, 30)]
    tools.run("gen", home, *args).expect_code(tools.OK)
    oracle(line).audit(home)
    expect_equal(oracle(line).prune(home, blocks - 10)["base"], blocks - 10, "base after CometBFT's prune")
    oracle(line).audit(home)
    expect_equal(tools.run("info", home, "-o", "json").json()["blockstore"]["base"], blocks - 10, "base")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    for line, setting, count in (("0.38", "discard", 6), ("0.38", "retain", 10), ("1.0", "discard", 6)):
        title = f"a replay with `{setting}` gives what CometBFT {line} made with it"
        if available(line):
            tally.skip(title, available(line))
            continue
        numbers = map(int, sys.argv[1:]) if sys.argv[1:] else range(first, first + count * (10 if full() else 1))
        tally.run(title, gives_its_twin, [(line, number, setting) for number in numbers])
    for line in RELEASES:
        title = f"CometBFT {line} loads and prunes what gen made"
        if available(line):
            tally.skip(title, available(line))
            continue
        tally.run(title, is_loaded_by_cometbft, [(line, number) for number in range(first, first + (60 if full() else 6))])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
