#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real CometBFT nodes before, beside and after cmtstore.

Environment: CMTSTORE, CMT_TEST_CACHE (programs are installed there once), CMT_TEST_JOBS (2).
"""

import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, node, tools  # noqa: E402
from support.tally import Skip, Tally, expect, expect_equal, reason_to_skip  # noqa: E402

WORK = homes.Workspace()
VERSIONS = ("0.37.18", "0.38.26", "1.0.1")  # the last on pebble
OTHER_ENGINES = ("0.38.26-rocksdb", "1.0.1-goleveldb")
NOT_OURS = ("0.38.26-badgerdb", "0.38.26-boltdb")
LOOKS = 50
KEEP = ("--keep-blocks", "30")
ITSELF = (*KEEP, "--method", "edit")  # no worker: the process that is to be stopped does the work


def heights(home):
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    return info["blockstore"]["base"], info["blockstore"]["height"]


def expect_runs_on(version, home, base, height):
    """A node starts on the home, serves from `base` and makes at least 20 more blocks."""
    with node.Node(version, home) as running:
        earliest, _ = running.wait_for_height(height + 20)
        expect_equal(earliest, base, "earliest block height")
        for what in ("block", "commit", "validators", "block_results"):
            expect(running.ask(f"{what}?height={base}") is not None, f"the node has no {what} at {base}")
        expect(running.ask(f"block?height={base - 1}") is None, f"the node still has block {base - 1}")
        running.stop()


def prune_twice_and_run(version, home):
    base, height = heights(home)
    for command, keep in (("prune", (height - base) // 2), ("prune-and-compact", 30), ("compact", None)):
        base, height = heights(home)
        flags = [] if keep is None else ["--keep-blocks", keep]
        tools.change(command, home, *flags).expect_code(tools.OK)
        if keep is not None:
            base = height - keep + 1
        expect_equal(heights(home), (base, height), f"base and height after {command}")
        expect_runs_on(version, home, base, height)


def kept_home_runs_on(fixture):
    version = re.search(r"\d+\.\d+\.\d+", fixture)[0]
    home = WORK.copy(WORK.fixture(fixture))
    with open(os.path.join(home, "config", "genesis.json"), encoding="utf-8") as f:
        genesis_time = re.search(r'"genesis_time": *"([^"]*)"', f.read())[1]
    now = subprocess.run(["date", "-u", "+%Y-%m-%dT%H:%M:%S"], capture_output=True, text=True, check=True).stdout
    if now < genesis_time:
        raise Skip("this machine's clock stands before the fixture's genesis, and a node waits for that")
    prune_twice_and_run(version, home)
    WORK.discard(home)


def fresh_home(version, blocks, how=signal.SIGTERM):
    home = WORK.new()
    node.init(version, home)
    with node.Node(version, home) as running:
        running.wait_for_height(blocks)
        running.stop(how)
    return home


def fresh_chain_runs_on(version, how):
    home = fresh_home(version, 120, how)
    prune_twice_and_run(version, home)
    WORK.discard(home)


def other_engine_runs_on(version, method):
    """A chain on an engine that is not the version's default: pruned and compacted in one go."""
    home = fresh_home(version, 80)
    base, height = heights(home)
    engine = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()["engine"]
    expect_equal(engine, version.partition("-")[2], "engine")
    done = tools.change("prune-and-compact", home, *KEEP, "--method", method).expect_code(tools.OK)
    expect_equal(done.json()["method"], method, "method")
    expect(base < height - 29, f"nothing was to be pruned of {base}..{height}")
    expect_equal(heights(home), (height - 29, height), "base and height")
    expect_runs_on(version, home, height - 29, height)
    WORK.discard(home)


def is_refused(version):
    """An engine that we do not know is told, and not a byte is changed."""
    home = fresh_home(version, 3)
    engine = version.partition("-")[2]
    before = homes.fingerprint(home)
    for command, *flags in (("prune", "--retain-height", 2), ("prune-and-compact", "--keep-blocks", 2), ("compact",)):
        done = tools.change(command, home, *flags).expect_code(tools.REFUSED)
        expect(re.fullmatch(rf"cmtstore: [^\n]*{engine}[^\n]*\n", done.err), f"{command} says {done.err!r}")
    for command, *flags in (("plan", "--keep-blocks", 2), ("dump", "--db", "blockstore"), ("dump", "--db", "state")):
        done = tools.run(command, home, *flags).expect_code(tools.REFUSED)
        expect(re.fullmatch(rf"cmtstore: [^\n]*{engine}[^\n]*\n", done.err), f"{command} says {done.err!r}")
    expect_equal(tools.run("info", home, "-o", "json").expect_code(tools.OK).json()["engine"], engine, "engine")
    expect_equal(homes.fingerprint(home), before, "files")
    WORK.discard(home)


# ---- beside a running node -------------------------------------------------------------------


def seen_heights(lines):
    """The heights of H: keys in a dump."""
    keys = (bytes.fromhex(line.split()[0].decode()) for line in lines.splitlines())
    return sorted(int(key[2:]) for key in keys if key.startswith(b"H:"))


def expect_sound_dump(home, before):
    """One snapshot: whole from its lowest height on, not older than what was seen before.  The highest
    height may be half saved: before 0.38 CometBFT writes a block key by key.  Returns the highest whole one."""
    lines = tools.dump(home, "blockstore")
    keys = {bytes.fromhex(line.split()[0].decode()) for line in lines.splitlines()}
    present = seen_heights(lines)
    expect(present and present[-1] >= before, f"the dump ends at {present[-1:]}, {before} was seen before")
    expect_equal(present, list(range(present[0], present[-1] + 1)), "heights in the dump")
    for height in present[:-1]:
        for key in (b"P:%d:0" % height, b"SC:%d" % height):
            expect(key in keys, f"no {key!r} in a dump that has H:{height}")
    states = tools.dump(home, "state")
    expect(b"stateKey".hex().encode() in states, "no stateKey in the state store's dump")
    return present[-1] - 1


def looks_beside_a_node(version):
    home = fresh_home(version, 60)
    with node.Node(version, home) as running:
        running.wait_for_height(heights(home)[1] + 3)
        first = seen = heights(home)[1]
        for _ in range(LOOKS):
            base, height = heights(home)
            expect(base <= height and height >= seen, f"info says {base}..{height} after {seen}")
            seen = expect_sound_dump(home, height)
            plan = tools.run("plan", home, "--retain-height", max(base, height - 10), "-o", "json").expect_code(tools.OK)
            plan.json()
        expect(seen > first, f"the node stood still at {seen}")
        running.stop()
    WORK.discard(home)


def writes_nothing_beside_a_node(version):
    home = fresh_home(version, 60)
    with node.Node(version, home) as running:
        running.wait_for_height(heights(home)[1] + 3)
        for command in (("info",), ("plan", "--retain-height", 30), ("dump", "--db", "blockstore"), ("dump", "--db", "state")):
            expect_equal(tools.changing_calls(home, *command), [], f"what {command} changes or opens for writing")
        for command, *flags in (("prune", "--retain-height", 30), ("prune-and-compact", *KEEP), ("compact",)):
            lines = tools.changing_calls(home, command, *flags, "--yes", code=tools.BUSY)
            expect_equal([line for line in lines if "/LOCK" not in line], [], f"what a refused {command} changes")
            writes = [line for line in lines if " write" in line or " ftruncate" in line]
            expect_equal(writes, [], f"what a refused {command} writes")
        _, latest = running.heights()
        running.wait_for_height(latest + 5)
        running.stop()
    WORK.discard(home)


# ---- a node beside a running cmtstore --------------------------------------------------------


def node_waits_for_us(version):
    """While a prune writes, a node does not start; afterwards it does."""
    home = fresh_home(version, 100)
    _, height = heights(home)
    calls = tools.calls_of_a_prune(WORK.copy(home), *ITSELF)
    first_write = next(n for n, call in enumerate(calls, 1) if call[0] in ("write", "pwrite", "pwrite64", "writev"))
    switch = next(n for n, call in enumerate(calls, 1) if call[1].endswith("/blockstore.db/CURRENT"))
    tried = WORK.copy(home)
    for at in (first_write, switch, switch + 1):
        with tools.Stopped(tried, at, *ITSELF) as prune:
            with node.Node(version, tried) as refused:
                expect(refused.wait_for_end() != 0, "a node started while a prune was writing")
                expect("resource temporarily unavailable" in refused.log(), f"the node says: {refused.log()[-300:]}")
            prune.go_on()
        expect_equal(heights(tried), (height - 29, height), "base and height")
        for name in homes.DATABASES:
            expect_equal(ldb.stray_files(homes.database(tried, name)), [], f"files of {name} that nothing refers to")
        expect_runs_on(version, tried, height - 29, height)
        WORK.discard(tried)
        tried = WORK.copy(home)
    WORK.discard(tried)
    WORK.discard(home)


def node_starts_when_ready(version):
    """Once a prune is ready, it touches no database any more, and a node starts while it tidies up."""
    home = fresh_home(version, 100)
    _, height = heights(home)
    calls = tools.calls_of_a_prune(WORK.copy(home), *ITSELF)
    tidying = [n for n, call in enumerate(calls, 1) if call[0].startswith("unlink") and "/cmtstore/trash/" in call[1]]
    expect(tidying, "no call empties the trash")
    late = [call for call in calls[tidying[0] :] if re.search(r"/data/\w+\.db(/|$)", call[1])]
    expect_equal(late, [], "calls on a database after the trash is being emptied")
    with tools.Stopped(home, tidying[0], *ITSELF) as prune:
        expect_runs_on(version, home, height - 29, height)
        prune.go_on()
    expect_runs_on(version, home, height - 29, heights(home)[1])
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    versions = []
    for version in VERSIONS + OTHER_ENGINES + NOT_OURS:
        reason = reason_to_skip(node.installed, version)
        if reason:
            tally.skip(f"all with CometBFT {version}", reason)
        else:
            versions.append(version)
    others, strange = ([v for v in versions if v in these] for these in (OTHER_ENGINES, NOT_OURS))
    versions = [v for v in versions if v in VERSIONS]
    beside = versions + [v for v in others if "rocksdb" in v]
    kept = [f for f in ("node-0.37.18", "node-0.38.26", "node-0.38.26-killed", "node-1.0.1") if any(v in f for v in versions)]
    for fixture in kept:
        WORK.fixture(fixture)
    tally.run("kept homes: pruned, compacted, and the node goes on", kept_home_runs_on, kept)
    tally.run("fresh chains: pruned, compacted, and the node goes on", fresh_chain_runs_on,
              [(v, how) for v in versions for how in (signal.SIGTERM, signal.SIGKILL)])
    tally.run("fresh chains on other engines: pruned, compacted, and the node goes on", other_engine_runs_on,
              [(v, m) for v in others for m in ("edit", "engine") if m == "edit" or "rocksdb" in v])
    tally.run("homes on engines that are not ours are refused", is_refused, strange)
    tally.run(f"info, plan and dump {LOOKS} times beside a running node", looks_beside_a_node, beside)
    tally.run("nothing is written beside a running node", writes_nothing_beside_a_node, beside)
    for title, function in (
        ("a node does not start while a prune writes", node_waits_for_us),
        ("a node starts as soon as a prune is ready", node_starts_when_ready),
    ):
        reason = reason_to_skip(tools.injector)
        if reason:
            tally.skip(title, reason)
        else:
            tally.run(title, function, versions)
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
