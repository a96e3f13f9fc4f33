#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records that a prune must write.  Where the record that kept pointers lead to is a pointer itself,
CometBFT's PruneStates works out the full record (for validators with all proposer priorities) before
it deletes what that pointer means.  CometBFT writes such records only as long as it has no pointer to
pointers; so a full record is turned into a pointer here, and both programs prune.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1, CMT_TEST_JOBS (2).
"""

import os
import random
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, records, tools  # noqa: E402
from support.oracle import available, oracle  # noqa: E402
from support.records import PARAMS, VALIDATORS  # noqa: E402
from support.tally import Failed, Tally, expect, full, seed  # noqa: E402

WORK = homes.Workspace(in_memory=True)


def state_pairs(home):
    return ldb.pairs(homes.database(home, "state"))


def make_pointer(home, family, retain, line, rng):
    """Turn the full record that pointers at `retain` lead to into a pointer to an older full record."""
    known = records.records(state_pairs(home), family)
    kept = known[retain][1]
    older = [h for h, (is_full, _) in known.items() if is_full and h < kept and h % records.CHECKPOINT]
    if not older or not known[kept][0] or kept % records.CHECKPOINT == 0 or kept == retain:
        return None
    wanted = rng.choice(older)
    key = records.key(family, kept)
    oracle(line).mutate(home, "state", put={key: records.pointer(family, wanted)})
    return key


def writes_the_same_record(line, family, number):
    rng = random.Random(number)
    initial = rng.choice((1, 1, 9990, 99960))
    first, theirs = WORK.new(), WORK.new()
    height = oracle(line).gen(
        first, rng.randint(80, 400), seed=number, initial=initial, validators=rng.choice((1, 3, 7)), max_txs=1,
        tx_bytes=20, validator_step=rng.choice((11, 17, 40)), param_step=rng.choice((13, 29)), evidence_age=5,
    )["height"]
    ours = first
    if rng.random() < 0.5:
        ours = WORK.new()
        oracle(line).shape(first, ours, number)
    # Two heights that the evidence window does not reach, so that V is the retain height.
    retain = rng.randint(initial + 45, height - 8)
    key = make_pointer(ours, family, retain, line, rng)
    if key is None:
        WORK.discard(first)
        return 0
    shutil.copytree(ours, theirs)
    oracle(line).prune(theirs, retain)
    wanted = state_pairs(theirs)
    expect(records.parse(wanted[key])[0], f"CometBFT left {key!r} a pointer: the test tests nothing")

    tools.change("prune", ours, "--no-sweep", "--retain-height", retain).expect_code(tools.OK)
    got = state_pairs(ours)
    expect(got.get(key) == wanted[key], f"{key!r} after a prune to {retain}: {got.get(key, b'').hex()}, "
           f"CometBFT wrote {wanted[key].hex()}")
    for name in homes.DATABASES:
        lines = [oracle(line).lines(home, name) for home in (ours, theirs)]
        expect(lines[0] == lines[1], f"{name} after a prune to {retain}: {homes.differences(*lines)}")
    oracle(line).load(ours)
    for home in {first, ours, theirs}:
        WORK.discard(home)
    return 1


def main():
    tools.require_cmtstore()
    tally = Tally()
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    for line in ("0.38", "1.0"):
        for family in (VALIDATORS, PARAMS):
            title = f"writes {family.decode()[:-4]} records as CometBFT {line} does"
            if available(line):
                tally.skip(title, available(line))
                continue
            count = 300 if full() else 25
            written = tally.run(title, writes_the_same_record, [(line, family, n) for n in range(first, first + count)])
            tally.run(f"{title}: often enough to mean something", often, [(sum(written), count)])
    tally.finish()


def often(written, count):
    if written < count // 3:
        raise Failed(f"only {written} of {count} seeds gave a record to write")


if __name__ == "__main__":
    with WORK:
        main()
