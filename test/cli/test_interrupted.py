#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A signal while the engine compacts: it stops within the call, says how far it came and leaves databases as they
should be; the same command again compacts the rest, and then there is nothing to do.

Environment: CMTSTORE, CMT_TEST_ENGINE_DB, CMT_TEST_JOBS (2).
"""

import os
import re
import signal
import subprocess
import time

from common import start
from support import homes, tools
from support.tally import Failed, Tally, expect, expect_equal, reason_to_skip

WORK = homes.Workspace(in_memory=True)
ROCKSDB, LEVELDB = "multi-0.38-rocksdb", "flush-0.38"
RETAIN, FILL_MIB = 300, 160
PRUNE = ("prune-and-compact", "--retain-height", RETAIN, "--method", "engine")


def filled_home():
    """Much more than a compaction rewrites at once, in tables that hold both what goes and what stays."""
    home = WORK.copy(WORK.fixture(ROCKSDB))
    subprocess.run(tools.engine_db("fill", "rocksdb", homes.database(home, "blockstore"), str(FILL_MIB)), check=True, timeout=120)
    os.unlink(os.path.join(homes.database(home, "blockstore"), "LOG"))  # the next one is that of the command
    return home


def engine_log(directory):
    try:
        with open(os.path.join(directory, "LOG"), encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:  # it is being renamed
        return ""


def wait_for_compaction(directory, process, seconds=60):
    """Until the engine's own log says that it works on what we asked for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if '"compaction_reason": "ManualCompaction"' in engine_log(directory):
            return
        expect(process.poll() is None, f"the command ended with {process.returncode} before it compacted")
        time.sleep(0.005)
    raise Failed(f"no compaction after {seconds} s")


def bytes_of(home):
    directories = (homes.database(home, name) for name in homes.DATABASES)
    return sum(f.stat().st_size for directory in directories for f in os.scandir(directory))


def expect_pruned(home):
    """The golden pairs, and the parts put in by filled_home() of the heights that stay."""
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((info["blockstore"]["base"], info["blockstore"]["height"]), (RETAIN, 600), "base and height")
    lines = tools.dump(home, "blockstore").splitlines(keepends=True)
    added = {line for line in lines if re.match(rb"P:\d+:\d{4}", bytes.fromhex(line.split()[0].decode()))}
    heights = {int(bytes.fromhex(line.split()[0].decode()).split(b":")[1]) for line in added}
    expect_equal(heights, set(range(RETAIN, 601)), "heights of the added parts")
    got = {"blockstore": b"".join(line for line in lines if line not in added), "state": tools.dump(home, "state")}
    for name in homes.DATABASES:
        wanted = homes.golden_lines(ROCKSDB, f"retain-{RETAIN}", name)
        expect(got[name] == wanted, f"{name}: {homes.differences(got[name], wanted)}")


def stops_within_a_compaction(command, number, often=1):
    """A signal to the program, or often to it and its worker: a second one changes nothing."""
    home = filled_home()
    before = bytes_of(home)
    command, *flags = command
    process = start([command, "--home", home, *flags, "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    wait_for_compaction(homes.database(home, "blockstore"), process)
    for _ in range(often):
        if often == 1:
            process.send_signal(number)
        elif process.poll() is None:
            os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    expect_equal((process.returncode, out), (tools.INTERRUPTED, b""), f"exit code and report; it said {err!r}")
    expect(re.fullmatch(rb"cmtstore: stopped while compacting the blockstore database, with 0 of \d+ MiB done; [^\n]+\n", err), f"it said {err!r}")
    if command != "compact":
        expect_pruned(home)
        goes_on(home, before)
    WORK.discard(home)


def goes_on(home, before):
    report = tools.change(*PRUNE[:1], home, *PRUNE[1:]).expect_code(tools.OK).json()
    expect_equal((report["nothing_to_do"], report["blocks_pruned"], report["keys_deleted"]), (False, 0, 0), "the second run")
    expect(bytes_of(home) < 0.6 * before, f"{bytes_of(home)} bytes are left of {before}")
    expect_pruned(home)
    again = tools.change(*PRUNE[:1], home, *PRUNE[1:]).expect_code(tools.OK).json()
    expect(again["nothing_to_do"], "a third run finds something to do")


def compacts_what_a_prune_left():
    """On LevelDB too: a prune that was not to compact leaves as much as one that was stopped."""
    home = WORK.copy(WORK.fixture(LEVELDB))
    flags = ("--no-sweep", "--retain-height", 2400, "--method", "engine")
    tools.change("prune", home, *flags).expect_code(tools.OK)
    before = bytes_of(home)
    expect(tools.change("prune", home, *flags).expect_code(tools.OK).json()["nothing_to_do"], "a prune removes, and only that")
    plan = tools.run("prune-and-compact", home, *flags, "--dry-run").expect_code(tools.OK)
    expect(b"gives back the space" in plan.out, f"the plan: {plan.out!r}")
    done = tools.run("prune-and-compact", home, *flags, "-q", "--yes").expect_code(tools.OK)
    expect(done.out.startswith(b"compacted\n"), f"the report: {done.out!r}")
    expect(bytes_of(home) < 0.6 * before, f"{bytes_of(home)} bytes are left of {before}")
    again = tools.change("prune-and-compact", home, *flags).expect_code(tools.OK).json()
    expect(again["nothing_to_do"], "a third run finds something to do")
    for name in homes.DATABASES:
        expect(tools.dump(home, name) == homes.golden_lines(LEVELDB, "retain-2400", name), f"pairs of {name}")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    WORK.fixture(ROCKSDB)
    WORK.fixture(LEVELDB)
    tally = Tally()
    reason = reason_to_skip(tools.engine_db)
    title = "stops within a compaction and goes on"
    if reason:
        tally.skip(title, reason)
    else:
        tally.run(title, stops_within_a_compaction, [(PRUNE, signal.SIGINT), (("compact", "--method", "engine"), signal.SIGTERM),
                                                           (PRUNE, signal.SIGTERM, 20)], serial=True)
    tally.run("compacts what a prune left", compacts_what_a_prune_left, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
