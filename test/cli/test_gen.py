#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gen: everything follows from the options; what it makes stands a replay, which validates every block, and every other
command; what it refuses, with nothing made.

Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import json
import os
import re
import signal
import time

if os.access("/dev/shm", os.W_OK):  # the disk is not what is tested here
    os.environ.setdefault("CMT_TEST_TMP", "/dev/shm")

from common import WORK, expect_sentence, expect_untouched, fast_clock, run, start
from support import homes, tools
from support.tally import Tally, expect, expect_equal, reason_to_skip


def made(*args):
    home = WORK.new()
    return home, run("gen", "--home", home, "-o", "json", *args).expect_code(tools.OK).json()


def digests(home):
    return {name: homes.digest(tools.dump(home, name)) for name in homes.DATABASES}


def keys(home, name):
    return [bytes.fromhex(line.split()[0].decode()) for line in tools.dump(home, name).splitlines()]


RICH = ("--blocks", "60", "--validators", "7", "--txs", "4", "--tx-bytes", "3000", "--validators-every", "5", "--params-every", "9")


def follows_from_the_options():
    """Engine and --sync change nothing, the seed everything."""
    first, _ = made(*RICH, "--seed", "7")
    wanted = digests(first)
    for more in ((), ("--sync",), ("--db-backend", "rocksdb")):
        again, _ = made(*RICH, "--seed", "7", *more)
        expect_equal(digests(again), wanted, f"pairs with {more}")
        WORK.discard(again)
    with open(os.path.join(first, "config", "genesis.json"), encoding="utf-8") as f:
        validators = {v["address"] for v in json.load(f)["validators"]}
    other, _ = made(*RICH, "--seed", "8")
    with open(os.path.join(other, "config", "genesis.json"), encoding="utf-8") as f:
        expect(not validators & {v["address"] for v in json.load(f)["validators"]}, "keys of another seed")
    expect(len(validators) == 7, "validators")
    WORK.discard(first)
    WORK.discard(other)


def stands_a_replay(*args):
    """With genuine signatures, as every block is validated; and the discarded or pruned would be missing."""
    home, report = made(*args)
    target = WORK.new()
    run("replay", "--home", home, "--to", target, "-q").expect_code(tools.OK)
    expect_equal(digests(target), digests(home), f"pairs of {args}")
    info = tools.run("info", home, "-o", "json").json()
    expect_equal((report["base"], report["height"], report["blocks"]), (info["blockstore"]["base"], info["blockstore"]["height"], int(args[1])), "report")
    WORK.discard(home)
    WORK.discard(target)


CHAINS = [
    RICH,
    ("--blocks", "30", "--txs", "0"),
    ("--blocks", "40", "--validators", "4", "--release", "1.0", "--key-layout", "v2", "--extensions-from", "5", "--params-every", "7", "--validators-every", "6"),
    ("--blocks", "40", "--validators", "5", "--release", "0.40", "--initial-height", "99980", "--extensions-from", "99990", "--validators-every", "4"),
    ("--blocks", "12", "--txs", "6", "--tx-bytes", "90000"),
]


def has_what_was_asked_for():
    home, report = made(*RICH)
    expect(report["txs"] > 60 and report["block_bytes"] > 100000, f"transactions: {report}")
    state = keys(home, "state")
    full_sets = [line for line in tools.dump(home, "state").splitlines()
                 if bytes.fromhex(line.split()[0].decode()).startswith(b"validatorsKey:") and int(line.split()[1]) > 100]
    expect(len(full_sets) > 8, f"sets that changed: {len(full_sets)}")
    expect(b"abciResponsesKey:60" in state and b"genesisDoc" not in state, "results")
    extended, _ = made("--blocks", "20", "--extensions-from", "11")
    expect_equal(sorted(k for k in keys(extended, "blockstore") if k.startswith(b"EC:")), sorted(b"EC:%d" % h for h in range(11, 21)), "extended commits")
    discarded, _ = made("--blocks", "20", "--discard-results")
    expect(not any(k.startswith(b"abciResponsesKey:") for k in keys(discarded, "state")), "results")
    for other in (home, extended, discarded):
        WORK.discard(other)


def prunes_on_the_way(*args):
    home, report = made("--blocks", "150", "--retain-blocks", "30", *args)
    expect_equal((report["base"], report["height"]), (121, 150), "blocks")
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal(info["blockstore"]["base"], 121, "base")
    WORK.discard(home)


def works_with_every_command():
    home, _ = made("--blocks", "200", "--db-backend", "goleveldb", "--validators", "3")
    expect_equal(tools.run("plan", home, "-b", "50", "-o", "json").expect_code(tools.OK).json()["retain_height"], 151, "plan")
    expect_equal(tools.change("prune-and-compact", home, "-b", "50").expect_code(tools.OK).json()["base"], 151, "prune")
    expect_equal(run("rollback", "--hard", "--home", home, "-o", "json").expect_code(tools.OK).json()["height"], 199, "rollback")
    tools.change("compact", home).expect_code(tools.OK)
    expect_equal(tools.run("info", home, "-o", "json").json()["blockstore"]["height"], 199, "height")
    WORK.discard(home)


def reports_for_people():
    home = WORK.new()
    done = run("gen", "--home", home, "--blocks", "5", "--chain-id", "demo-7", "--db-backend", "cleveldb").expect_code(tools.OK)
    for word in ("made 5 blocks of chain demo-7", f"{home}, cleveldb", "blocks        1 to 5", "blocks/s, on the disk at the end"):
        expect(word in done.out.decode(), done.out)
    expect(not re.search("pruned|progress", done.err), done.err)
    WORK.discard(home)


def shows_progress():
    """Blocks a second and the time that is left."""
    home = WORK.new()
    done = run("gen", "--home", home, "--blocks", "300", env=fast_clock()).expect_code(tools.OK)
    expect(re.search(r"progress .*phase=gen .*done=\d+ total=300 percent=\d+ elapsed=\d+s rate=\d+ blocks/s left=", done.err), done.err)
    WORK.discard(home)


def waits_for_the_disk(*args):
    """How often a file is synced."""
    home = WORK.new()
    log = os.path.join(os.path.dirname(home), "calls")
    run("gen", "--home", home, "--blocks", "40", *args, env={
        "LD_PRELOAD": tools.injector(), "CMT_INJECT_ROOT": os.path.dirname(home), "CMT_INJECT_KIND": "all", "CMT_INJECT_LOG": log}).expect_code(tools.OK)
    with open(log, encoding="utf-8") as f:
        syncs = sum(re.search(r" f(data)?sync .*\.log", line) is not None for line in f)
    expect(syncs >= 120 if args else syncs <= 6, f"{syncs} syncs of logs with {args}")
    WORK.discard(home)


def stops_when_asked():
    home = WORK.new()
    process = start(["gen", "--home", home, "--blocks", "1000000", "-q"], stdout=-1, stderr=-1)
    end = time.monotonic() + 60
    while not (os.path.isdir(homes.database(home, "state")) and (tools.run("info", home, "-o", "json").json() or {"state": {}})["state"].get("last_block_height")):
        expect(time.monotonic() < end, "no block was made")
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    expect_equal(process.returncode, tools.INTERRUPTED, f"exit code; it said {said}")
    stopped = re.fullmatch(r"cmtstore: stopped behind block (\d+); the home is whole and the chain ends there\n", said.decode())
    expect(stopped, said)
    expect_equal(tools.run("info", home, "-o", "json").json()["state"]["last_block_height"], int(stopped[1]), "height")
    target = WORK.new()
    run("replay", "--home", home, "--to", target, "-q", "--until", "20").expect_code(tools.OK)
    WORK.discard(target)
    WORK.discard(home)


# ---- refusals --------------------------------------------------------------------------------------

USAGE = [
    ([], "--home DIR", "--blocks N"),
    (["--blocks", "0"], "--blocks wants a whole number from 1"),
    (["--blocks", "5", "--validators", "10001"], "--validators wants a whole number from 1 to 10000"),
    (["--blocks", "5", "--txs", "-1"], "--txs wants"),
    (["--blocks", "5", "--key-layout", "v2"], "--release 1.0"),
    (["--blocks", "5", "--chain-id", "x" * 51], "--chain-id is longer than 50"),
    (["--blocks", "5", "--release", "2"], "--release wants"),
    (["--blocks", "5", "--until", "3"], "--until does not go with gen"),
    (["--blocks", "5", "--db-backend", "nosql"], "--db-backend wants"),
]


def refuses(args, *words, code=tools.USAGE):
    home = WORK.new()
    before = homes.fingerprint(os.path.dirname(home))
    expect_sentence(run("gen", "--home", home, *args).expect_code(code), *words)
    expect_untouched(os.path.dirname(home), before, "gen")


def refuses_an_engine(name):
    refuses(["--blocks", "5", "--db-backend", name], name, "cannot be made here", code=tools.REFUSED)


def wants_a_home():
    """None is taken from the environment: what is there is somebody's."""
    expect_sentence(run("gen", "--blocks", "5", env={"CMTHOME": WORK.new()}).expect_code(tools.USAGE), "--home DIR")
    expect_sentence(run("gen", WORK.new(), "--blocks", "5").expect_code(tools.USAGE), "--home")


def refuses_what_is_there():
    home, _ = made("--blocks", "3")
    before = homes.fingerprint(home)
    expect_sentence(run("gen", "--home", home, "--blocks", "3").expect_code(tools.REFUSED), "is not empty")
    expect_untouched(home, before, "gen again")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    tally = Tally()
    tally.run("follows from the options", follows_from_the_options, [()])
    tally.run("stands a replay", stands_a_replay, CHAINS)
    tally.run("has what was asked for", has_what_was_asked_for, [()])
    tally.run("prunes on the way", prunes_on_the_way, [(), ("--no-sweep",), ("--release", "1.0")])
    tally.run("works with every command", works_with_every_command, [()])
    tally.run("reports for people", reports_for_people, [()])
    tally.run("shows progress", shows_progress, [()])
    reason = reason_to_skip(tools.injector)
    if reason:
        tally.skip("waits for the disk", reason)
    else:
        tally.run("waits for the disk", waits_for_the_disk, [(), ("--sync",)])
    tally.run("stops when asked", stops_when_asked, [()])
    tally.run("refuses usage", refuses, USAGE)
    tally.run("refuses an engine", refuses_an_engine, ["pebbledb", "badgerdb"])
    tally.run("wants a home", wants_a_home, [()])
    tally.run("refuses what is there", refuses_what_is_there, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
