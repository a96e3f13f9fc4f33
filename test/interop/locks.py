#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""goleveldb locks by flock, the C++ engines by fcntl: cmtstore keeps out while either has a database
open, and both keep out while cmtstore writes.

Environment: CMTSTORE, CMT_TEST_CACHE, CMT_TEST_JOBS (2).
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, oracle, tools  # noqa: E402
from support.tally import Failed, Tally, expect, expect_equal, reason_to_skip  # noqa: E402

WORK = homes.Workspace()
FIXTURE = "multi-0.38"


def holder(engine, home):
    """The command with which an engine opens both databases until its stdin ends."""
    if engine == "goleveldb":
        return [oracle.built("0.38"), "hold", "-home", home]
    return [tools.cleveldb_check(), "hold", *(homes.database(home, name) for name in homes.DATABASES)]


def keeps_out_of_an_open_database(engine):
    home = WORK.copy(WORK.fixture(FIXTURE))
    with subprocess.Popen(holder(engine, home), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holding:
        expect_equal(holding.stdout.readline(), b"held\n", f"{engine} says")
        before = homes.fingerprint(home)
        for command, *flags in (("prune", "--retain-height", 300), ("prune-and-compact", "--keep-blocks", 9), ("compact",)):
            tools.change(command, home, *flags).expect_code(tools.BUSY)
        for name in homes.DATABASES:
            expect(tools.dump(home, name) == homes.golden_lines(FIXTURE, "before", name), f"dump of {name} beside {engine}")
        expect_equal(homes.fingerprint(home), before, "files beside an engine")
        holding.stdin.close()
        expect_equal(holding.wait(30), 0, f"exit code of {engine}")
    tools.change("prune", home, "--retain-height", 300).expect_code(tools.OK)
    WORK.discard(home)


def engine_is_kept_out(engine, name, at):
    """The engine meets a prune that stands still at its `at`-th call that changes a file."""
    home = WORK.copy(WORK.fixture(FIXTURE))
    with tools.Stopped(home, at, "--retain-height", "300", "--no-sweep") as prune:
        if engine == "goleveldb":
            try:
                oracle.oracle().digest(home, name, write=True)
                said = "nothing: it opened the database"
            except Failed as refusal:
                said = str(refusal)
            expect("resource temporarily unavailable" in said, f"goleveldb says {said}")
        else:
            done = subprocess.run([tools.cleveldb_check(), "dump", homes.database(home, name)],
                                  capture_output=True, timeout=60)
            expect(done.returncode != 0, f"C++ LevelDB opened {name} while cmtstore was writing")
            expect(b"lock" in done.stderr.lower(), f"C++ LevelDB says: {done.stderr[-200:]}")
        prune.go_on()
    for database in homes.DATABASES:
        wanted = homes.golden_lines(FIXTURE, "retain-300", database)
        expect(tools.dump(home, database) == wanted, f"{database} after the prune")
    WORK.discard(home)


def writing_calls():
    """Numbers of calls at which a prune is at work: first and last write, both switches."""
    home = WORK.copy(WORK.fixture(FIXTURE))
    calls = tools.calls_of_a_prune(home, "--retain-height", 300, "--no-sweep")
    WORK.discard(home)
    writes = [n for n, call in enumerate(calls, 1) if call[0] == "write"]
    switches = [n for n, call in enumerate(calls, 1) if call[1].endswith("/CURRENT")]
    return sorted({writes[0], writes[-1], *switches})


def main():
    tools.require_cmtstore()
    WORK.fixture(FIXTURE)
    tally = Tally()
    engines = ["C++ LevelDB"]
    reason = oracle.available()
    if reason:
        tally.skip("locks of goleveldb", reason)
    else:
        engines.append("goleveldb")
    tally.run("keeps out of a database that an engine has open", keeps_out_of_an_open_database, engines)
    title = "an engine is kept out while cmtstore writes"
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip(title, reason)
    else:
        tally.run(title, engine_is_kept_out,
                  [(e, name, at) for e in engines for name in homes.DATABASES for at in writing_calls()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
