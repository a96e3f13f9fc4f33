#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From C++ LevelDB to goleveldb: whoever wrote through our LevelDB and was killed, after healing a Go node sees every
synced write; after a clean close it does without.

Environment: CMTSTORE, CMT_TEST_ENGINE_DB, CMT_TEST_CACHE, CMT_TEST_SEED, CMT_TEST_FULL=1 (more kills), CMT_TEST_JOBS (2).
"""

import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, oracle, tools  # noqa: E402
from support.tally import Skip, Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace()
FIXTURE = "multi-0.38"
NAME = "blockstore"


def marker(home):
    return os.path.join(home, "data", "cmtstore", f"leveldb-open-{NAME}.db")


def killed_writer(home, pause):
    """Write with compactions in between, kill after `pause` seconds; the last synced batch that was said."""
    writer = subprocess.Popen(tools.engine_db("write", "goleveldb", homes.database(home, NAME)), stdout=subprocess.PIPE)
    first = writer.stdout.readline()
    expect(first != b"", "the writer says nothing")
    time.sleep(pause)
    writer.kill()
    said = first + writer.stdout.read()
    writer.stdout.close()
    writer.wait()
    whole = said[: said.rfind(b"\n")].split(b"\n")
    return int(whole[-1])


def expect_batches(lines, synced):
    """All batches up to the last synced one are there, and what follows is a prefix, each batch whole."""
    counts = {}
    old = []
    for line in lines.splitlines():
        key = bytes.fromhex(line.split()[0].decode())
        if key.startswith(b"new:"):
            number = int(key.split(b":")[1])
            counts[number] = counts.get(number, 0) + 1
        else:
            old.append(line)
    newest = max(counts, default=-1)
    expect(newest >= synced, f"batch {synced} was synced, the newest there is {newest}")
    missing = [n for n in range(newest + 1) if counts.get(n) != 8]
    expect(not missing, f"{len(missing)} batches up to {newest} are not whole, the first is {missing[:1]}")
    wanted = homes.golden_lines(FIXTURE, "before", NAME).splitlines()
    expect(old == wanted, "the pairs from before")


def healed_by(how, number, pause):
    home = WORK.copy(WORK.fixture(FIXTURE))
    synced = killed_writer(home, pause)
    expect(os.path.exists(marker(home)), "a killed writer leaves its marker")
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((info["blockstore"]["needs_heal"], info["state"]["needs_heal"]), (True, False), "what info says")
    expect(b"left it open" in tools.run("info", home).out, "info says it in words")
    if how == "heal":
        done = subprocess.run(tools.engine_db("heal", homes.database(home, NAME)), capture_output=True, timeout=60)
        expect_equal(done.returncode, 0, done.stderr.decode())
    elif how == "open":
        expect_equal(subprocess.run(tools.engine_db("open", "cleveldb", homes.database(home, NAME)), timeout=60).returncode, 0, "open")
    else:
        tools.change("compact", home).expect_code(tools.OK)
    expect(not os.path.exists(os.path.dirname(marker(home))), "the marker goes with the healing")
    expect_batches(oracle.oracle().lines(home, NAME, write=True), synced)
    WORK.discard(home)


def heals_again_after_a_second_kill(number, pause):
    home = WORK.copy(WORK.fixture(FIXTURE))
    killed_writer(home, pause)
    synced = killed_writer(home, pause)
    tools.change("compact", home).expect_code(tools.OK)
    lines = oracle.oracle().lines(home, NAME, write=True)
    expect_equal(b"new:%08d" % synced in [bytes.fromhex(l.split()[0].decode())[:12] for l in lines.splitlines()], True, "the last synced batch")
    WORK.discard(home)


def unhealed_loses():
    """That the marker stands for something: without healing, goleveldb skips writes that were synced."""
    for attempt in range(20):
        home = WORK.copy(WORK.fixture(FIXTURE))
        synced = killed_writer(home, 0.3 + attempt * 0.05)
        lines = oracle.oracle().lines(home, NAME, write=True)
        numbers = {int(bytes.fromhex(l.split()[0].decode()).split(b":")[1]) for l in lines.splitlines()
                   if l.startswith(b"new:".hex().encode())}
        WORK.discard(home)
        if not all(n in numbers for n in range(synced + 1)):
            return
    expect(False, "twenty kills lost nothing: is the writer still one that compacts?")


def names_of_logs_are_synced():
    """A log's name in its directory is durable before a synced write in it is acknowledged."""
    if shutil.which("strace") is None:
        raise Skip("no strace here")
    home = WORK.copy(WORK.fixture(FIXTURE))
    directory = os.path.realpath(homes.database(home, NAME))
    trace = home + ".strace"
    with subprocess.Popen(["strace", "-f", "-y", "-qq", "-e", "trace=openat,fsync,fdatasync,write", "-e", "signal=none", "-o", trace,
                           *tools.engine_db("write", "goleveldb", directory)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        lines = [writer.stdout.readline() for _ in range(150)]
        writer.stdout.close()  # the writer's next line ends it
        writer.wait(60)
    if not lines[0]:
        raise Skip("strace may not trace here")
    pending, logs, early = False, 0, 0
    with open(trace, encoding="utf-8", errors="replace") as f:
        for line in f:
            if re.search(r'openat\(.*/\d{6}\.log".*O_CREAT', line):
                pending, logs = True, logs + 1
            elif re.search(r" fsync\(\d+<" + re.escape(directory) + ">", line):
                pending = False
            elif re.search(r" write\(1<", line):
                early += pending
    expect(logs >= 3, f"{logs} logs: too few to tell")
    expect_equal(early, 0, "acknowledged writes in logs whose names were not durable")
    os.unlink(trace)
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    try:
        tools.engine_db()
    except Skip as reason:
        print(f"skipped  {reason}")
        sys.exit(77)
    tally = Tally()
    reason = oracle.available()
    if reason:
        tally.skip("goleveldb after C++ LevelDB", reason)
        tally.finish()
    rng = random.Random(seed())
    print(f"seed {seed()}", flush=True)
    WORK.fixture(FIXTURE)
    kills = 40 if full() else 6
    cases = [(how, n, round(rng.uniform(0.0, 0.8), 3)) for how in ("heal", "open", "compact") for n in range(kills)]
    tally.run("goleveldb sees every synced write of a killed writer, after healing", healed_by, cases)
    tally.run("twice killed, once healed", heals_again_after_a_second_kill, [(n, 0.2) for n in range(2)])
    tally.run("names of logs are durable before what they hold is acknowledged", names_of_logs_are_synced, [()])
    tally.run("without healing it does not", unhealed_loses, [()], serial=True)
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
