#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The worker process that an engine gets: forked before anything exists that a fork would tear apart, alone with the
databases, heard through a pipe, and not ended by a second signal.

Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import os
import re
import select
import signal
import subprocess
import time

from common import WORK, Terminal, fresh, preloaded, start
from support import tools
from support.tally import Tally, expect, expect_equal, reason_to_skip
from test_interrupted import WORK as HOMES, filled_home

LEVELDB, ROCKSDB, PEBBLE = "levels-0.38", "multi-0.38-rocksdb", "multi-1.0-v1-pebble"


def forks_before_threads_and_locks(fixture, command, *flags):
    home = fresh(fixture)
    log = home + ".forks"
    tools.change(command, home, *flags, env={
        "LD_PRELOAD": preloaded("forkwatch", "-ldl"), "CMT_FORK_LOG": log, "CMT_FORK_ROOT": os.path.realpath(home)}).expect_code(tools.OK)
    with open(log, encoding="ascii") as f:
        lines = [line.split() for line in f]
    os.unlink(log)
    expect_equal(lines[0][0], "fork", f"what comes first of {lines}")
    parent, *found = lines[0][1:]
    expect_equal(found, ["1", "0"], "threads, and open files of the home, at the fork")
    lockers = {pid for what, pid, *_ in lines[1:] if what == "lock"}
    expect_equal((len(lockers), [line for line in lines[1:] if line[0] == "fork"]), (1, []), f"who locks, and who else forks, in {lines}")
    expect(parent not in lockers, "the parent takes a lock")
    WORK.discard(home)


def shows_a_bar_and_whole_lines(command, *flags):
    """Log lines and report behind a bar, on a narrow terminal too, whose width the worker's standard error does not tell."""
    home = filled_home()
    terminal = Terminal(command, "--home", home, "-y", "--method", "engine", "--log-level", "info", *flags, columns=50)
    expect_equal(terminal.end(), tools.OK, terminal.text)
    bars = re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", terminal.text)
    expect(any(bar.startswith("compact ") for bar in bars), f"no bar: {terminal.text!r}")
    for bar in bars:
        expect(len(bar) <= 49, f"{len(bar)} columns: {bar}")
    lines = re.sub(r"\r[^\r\n\x1b]*\x1b\[K|\r\x1b\[K", "", terminal.text).replace("\r", "").splitlines()
    label = "manual_compaction" if command == "compact" else "post_pruning_compaction"
    for event in (f"compaction_start +module=cmtstore label={label}", rf"compaction_done +module=cmtstore label={label} ms=\d+"):
        expect_equal(len([line for line in lines if re.fullmatch(rf"I\[[^]]+\] {event}", line)]), 1, f"lines {event} in {lines}")
    expect(not any("%" in line or "[#" in line for line in lines), f"a bar stays behind: {lines}")
    ready = next(i for i, line in enumerate(lines) if line.startswith("ready: "))
    report = next(i for i, line in enumerate(lines) if line in ("compacted", "pruned 299 blocks"))
    expect(report > ready, f"the report overtakes: {lines}")
    HOMES.discard(home)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return f.read().split()


def is_done(pid, home):
    """The databases are pruned and closed, or the process is over."""
    try:
        opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return True
    return not any(path.startswith(home) for path in opened) and \
        tools.run("info", home, "-o", "json").expect_code(tools.OK).json()["blockstore"]["base"] == 300


def reports_behind_what_is_shown():
    """While nobody passes on what it says behind the plan, the worker prints no report either."""
    home = os.path.realpath(fresh(ROCKSDB))
    process = start(["prune-and-compact", "--home", home, "--retain-height", 300, "--method", "engine", "--yes"],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    worker = children_of(process.pid)[0] if any(line.startswith(b"takes about") for line in process.stderr) else None
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while not is_done(worker, home):
        expect(time.monotonic() < deadline, "no prune within 60 s")
        time.sleep(0.01)
    early = select.select([process.stdout], [], [], 0.3)[0]
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    expect_equal(process.returncode, tools.OK, f"exit code; it said {err!r}")
    expect(out.startswith(b"pruned 299 blocks\n") and b"\nready: " in err, f"{out!r} and {err!r}")
    expect(not early, "the report overtakes")
    WORK.discard(home)


def is_quiet_about_a_compaction_where_asked():
    home = fresh(ROCKSDB)
    done = tools.change("prune-and-compact", home, "--retain-height", 300, "--method", "engine", "-q").expect_code(tools.OK)
    expect(re.fullmatch(r"ready: [^\n]+\n", done.err), f"it says {done.err!r}")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    for fixture in (LEVELDB, ROCKSDB, PEBBLE):
        WORK.fixture(fixture)
    tally = Tally()
    tally.run("forks before threads and locks", forks_before_threads_and_locks, [
        (LEVELDB, "compact", "--method", "engine"),
        (LEVELDB, "prune-and-compact", "-b", 1000, "--method", "engine"),
        (ROCKSDB, "prune-and-compact", "--retain-height", 300),
        (ROCKSDB, "prune-and-compact", "--retain-height", 300, "--method", "engine"),
        (PEBBLE, "prune-and-compact", "--retain-height", 150),
        (PEBBLE, "compact", "--method", "engine"),
    ])
    title = "shows a bar and whole lines"
    reason = reason_to_skip(tools.engine_db)
    if reason:
        tally.skip(title, reason)
    else:
        tally.run(title, shows_a_bar_and_whole_lines, [("compact",), ("prune-and-compact", "--retain-height", 300)], serial=True)
    tally.run("reports behind what is shown", reports_behind_what_is_shown, [()])
    tally.run("is quiet about a compaction where asked", is_quiet_about_a_compaction_where_asked, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK, HOMES:
        main()
