#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""replay: chains that CometBFT wrote come out pair for pair, whichever engine reads and whichever writes; stopped and
killed it goes on; what it refuses, with nothing made.

Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP, CMT_TEST_FULL=1: every fixture on every engine.
"""

import json
import os
import re
import signal
import time

if os.access("/dev/shm", os.W_OK):  # the disk is not what is tested here
    os.environ.setdefault("CMT_TEST_TMP", "/dev/shm")

from common import CHAIN, WORK, expect_sentence, expect_untouched, fresh, run, start
from support import homes, tools
from support.tally import Tally, expect, expect_equal, full
from test_refusals import put_pair

# What only a running node writes, and no block tells (docs/compatibility.md).
OF_A_NODE = (b"genesisDoc", b"offlineStateSyncHeightKey", b"AppRetainHeightKey")

CHAINS = ("multi-0.38", "multi-0.40", "multi-1.0-v2", "votes-ext-0.38", "votes-ext-1.0", "digits-0.38", "checkpoint-0.38", "flush-0.38", "parts-0.38",
          "levels-0.38", "crashed-0.38", "multi-1.0-v1-pebble", "multi-1.0-v2-pebble", "multi-0.38-rocksdb", "node-0.38.26", "node-0.38.26-killed", "node-1.0.1")
SAMPLE = (("multi-0.40", "goleveldb"), ("multi-1.0-v2-pebble", "rocksdb"), ("votes-ext-0.38", "goleveldb"), ("digits-0.38", "rocksdb"), ("parts-0.38", "cleveldb"),
          ("multi-0.38-rocksdb", "goleveldb"), ("node-0.38.26-killed", "goleveldb"), ("node-1.0.1", "rocksdb"))
SHORT, FIRST, LAST = "digits-0.38", 9950, 10149
LONG = "flush-0.38"


def lines(home, name):
    return tools.dump(home, name).splitlines(keepends=True)


def is_of_a_node(line):
    return bytes.fromhex(line.split()[0].decode()).startswith(OF_A_NODE)


def expect_same(home, source, keep=lambda line: True):
    for name in homes.DATABASES:
        got, wanted = b"".join(lines(home, name)), b"".join(line for line in lines(source, name) if keep(line))
        expect(got == wanted, f"{name}: {homes.differences(got, wanted)}")


def replayed(source, *args):
    """The new home, and what was said of it."""
    target = WORK.new()
    return target, run("replay", "--home", source, "--to", target, "-o", "json", *args).expect_code(tools.OK).json()


def gives_the_same_pairs(fixture, engine):
    source = WORK.fixture(fixture)
    before = homes.fingerprint(source)
    target, report = replayed(source, "--db-backend", engine)
    expect_untouched(source, before, "replay")
    expect_same(target, source, lambda line: not is_of_a_node(line))
    info = tools.run("info", target, "-o", "json").expect_code(tools.OK).json()  # config.toml declares the right engine
    expect_equal((report["engine"], report["base"], report["height"]), (engine, info["blockstore"]["base"], info["blockstore"]["height"]), "report")
    expect_equal(report["blocks"], info["state"]["last_block_height"] - report["first"] + 1, "blocks")
    WORK.discard(target)


# ---- settings --------------------------------------------------------------------------------------


def has_results(line):
    return bytes.fromhex(line.split()[0].decode()).startswith(b"abciResponsesKey:")


def discards_results():
    """As discard_abci_responses of 0.38: the last results alone, under the key that they have besides."""
    source = WORK.fixture(SHORT)
    target, _ = replayed(source, "--discard-results")
    expect_same(target, source, lambda line: not has_results(line))
    WORK.discard(target)


def discards_results_of_1_0():
    """From 1.0 on the last stay under their height."""
    source = WORK.fixture("votes-ext-1.0")
    target, _ = replayed(source, "--discard-results")
    last = b"abciResponsesKey:220".hex().encode() + b" "
    expect_same(target, source, lambda line: not has_results(line) or line.startswith(last))
    WORK.discard(target)


def keeps_the_last_blocks():
    """As an application that asks for it.  With the sweep nothing is left that one prune of the whole chain removes, but what evidence
    could need when its block was pruned; without, CometBFT's residue is left as well."""
    source = WORK.fixture(SHORT)
    target, report = replayed(source, "--retain-blocks", "10")
    residue, _ = replayed(source, "--retain-blocks", "10", "--no-sweep")
    pruned = fresh(SHORT)
    run("prune", "--home", pruned, "--keep-blocks", "10", "-q").expect_code(tools.OK)
    expect_equal((report["base"], report["height"]), (LAST - 9, LAST), "blocks")
    for name in homes.DATABASES:
        one, many, residual = (set(lines(home, name)) for home in (pruned, target, residue))
        expect(one <= many, f"{name}: a prune of the whole chain keeps {sorted(one - many)[:3]}")
        expect(many <= residual, f"{name}: without the sweep nothing less is left")
        expect(residual - many or name == "state", "residue")
    for home in (target, pruned, residue):
        WORK.discard(home)


def changes_the_layout():
    """From v2 to v1 and back: the same pairs again."""
    source = WORK.fixture("multi-1.0-v2")
    v1, report = replayed(source, "--key-layout", "v1", "--until", "60")
    expect_equal(report["key_layout"], "v1", "layout")
    expect_equal(tools.run("info", v1, "-o", "json").json()["key_layout"], "v1", "layout")
    v2, report = replayed(v1, "--key-layout", "v2")
    again, _ = replayed(source, "--until", "60")
    expect_equal((report["key_layout"], report["height"]), ("v2", 60), "layout")
    expect_same(v2, again)
    for home in (v1, v2, again):
        WORK.discard(home)


def beginning(home):
    """What a genesis.json says, but for names and what an application may have answered."""
    with open(os.path.join(home, "config", "genesis.json"), encoding="utf-8") as f:
        genesis = json.load(f)
    validators = sorted((v["address"], v["pub_key"]["value"], v["power"]) for v in genesis["validators"])
    return genesis["genesis_time"], genesis["chain_id"], max(1, int(genesis["initial_height"])), validators


def finds_a_genesis(fixture, document):
    """Without the file: the document in the state store, else what is stored of the first block."""
    source = fresh(fixture)
    data = os.path.join(source, "data")
    whole, _ = replayed(source, "--until", "50")
    wanted = beginning(source)
    os.unlink(os.path.join(source, "config", "genesis.json"))
    stored = any(line.startswith(b"genesisDoc".hex().encode() + b" ") for line in lines(source, "state"))
    expect_equal(stored, document, "a document in the state store")
    for args in (("--home", source), (data,)):
        target = WORK.new()
        run("replay", *args, "--to", target, "--until", "50").expect_code(tools.OK)
        expect_same(target, whole)
        expect_equal(beginning(target), wanted, "what its genesis.json says")
        again, _ = replayed(target)  # what was written as its genesis.json is one
        expect_same(again, whole)
        WORK.discard(target)
        WORK.discard(again)
    WORK.discard(source)
    WORK.discard(whole)


def until_and_on():
    source = WORK.fixture(SHORT)
    target, report = replayed(source, "--until", "10000")
    expect_equal((report["first"], report["last"], report["blocks"], report["height"]), (FIRST, 10000, 51, 10000), "report")
    args = ("replay", "--home", source, "--to", target)
    report = run(*args, "--until", "10030", "-o", "json").expect_code(tools.OK).json()
    expect_equal((report["first"], report["last"], report["blocks"], report["base"]), (10001, 10030, 30, FIRST), "report")
    said = run(*args).expect_code(tools.OK).out.decode()
    for word in ("executed 119 blocks, 10031 to 10149", "blocks        9950 to 10149", "blocks/s"):
        expect(word in said, said)
    expect_same(target, source)
    before = homes.fingerprint(os.path.join(target, "config"))
    expect(run(*args).expect_code(tools.OK).out.startswith(b"nothing to do\n"), "nothing to do")
    expect_untouched(os.path.join(target, "config"), before, "replay again")
    expect_same(target, source)
    WORK.discard(target)


# ---- interrupted -----------------------------------------------------------------------------------


def height_of(home):
    done = tools.run("info", home, "-o", "json")
    return (done.json()["state"]["last_block_height"] or 0) if done.code == tools.OK else 0


def wait_for_blocks(process, home, seconds=60):
    """Until some were executed; info reads beside."""
    end = time.monotonic() + seconds
    while height_of(home) < 5:
        expect(process.poll() is None, "it ended before any block was executed")
        expect(time.monotonic() < end, "no block was executed")
        time.sleep(0.01)


def goes_on(fixture, number, *args):
    source = WORK.fixture(fixture)
    target = WORK.new()
    command = ("replay", "--home", source, "--to", target, "-q", "--sync", *args)
    process = start(command, stdout=-1, stderr=-1)
    wait_for_blocks(process, target)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGINT:
        expect_equal(process.returncode, tools.INTERRUPTED, f"exit code; it said {said}")
        stopped = re.fullmatch(r"cmtstore: stopped behind block (\d+); the same call again goes on\n", said.decode())
        expect(stopped, said)
        expect_equal(height_of(target), int(stopped[1]), "height at the stop")
        tools.run("dump", target, "--db", "state", "-q").expect_code(tools.OK)
    else:
        expect_equal(process.returncode, -number, "end")
    expect(height_of(target) < tools.run("info", source, "-o", "json").json()["state"]["last_block_height"], "it was stopped on the way")
    run(*[arg for arg in command if arg != "--sync"]).expect_code(tools.OK)
    expect_same(target, source)
    WORK.discard(target)


def reads_beside_a_writer(engine):
    """A process that goes on with the source meanwhile: what was there at the beginning is executed."""
    source, target = WORK.new(), WORK.new()
    process = start(["gen", "--home", source, "--blocks", "1000000", "-q", "--db-backend", engine], stdout=-1, stderr=-1)
    try:
        wait_for_blocks(process, source)
        report = run("replay", "--home", source, "--to", target, "-o", "json").expect_code(tools.OK).json()
        again = run("replay", "--home", source, "--to", target, "-o", "json").expect_code(tools.OK).json()
        expect(process.poll() is None, "it still writes")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    expect(report["last"] >= 5 and again["first"] == report["last"] + 1, f"{report} {again}")
    run("replay", "--home", source, "--to", target).expect_code(tools.OK)
    expect_same(target, source)
    WORK.discard(source)
    WORK.discard(target)


# ---- refusals --------------------------------------------------------------------------------------


def refuses(source, code, *words, args=(), target=None):
    """Neither the source is touched, nor is anything made."""
    target = target or WORK.new()
    parent = os.path.dirname(target)
    before, around = homes.fingerprint(source), homes.fingerprint(parent)
    expect_sentence(run("replay", "--home", source, "--to", target, *args).expect_code(code), *words)
    expect_untouched(source, before, "replay")
    expect_untouched(parent, around, "replay")


def refuses_what_it_cannot_execute(fixture, code, *words, args=()):
    refuses(WORK.fixture(fixture), code, *words, args=args)


SOURCES = [
    ("app-pruned-0.38", tools.REFUSED, "begin at 441 and the chain at 1", "pruned"),
    ("node-0.37.18", tools.REFUSED, "0.37"),
]
OPTIONS = [
    (["--until", "601"], tools.REFUSED, "--until 601", "1 to 600"),
    (["--until", "0"], tools.USAGE, "--until wants"),
    (["--key-layout", "v2"], tools.USAGE, "CometBFT 1.0"),
    (["--key-layout", "v3"], tools.USAGE, "v1 or v2", '"v3"'),
    (["--db-backend", "pebbledb"], tools.REFUSED, "pebbledb", "cannot be made here"),
    (["--db-backend", "bolddb"], tools.USAGE, "bolddb"),
    (["--release", "1.0"], tools.REFUSED, "--release 1.0", "another"),
    (["--release", "0.41"], tools.USAGE, "0.38, 0.39, 0.40 or 1.0"),
    (["--blocks", "5"], tools.USAGE, "does not go with replay"),
]


def refuses_a_place(source_is_target):
    source = fresh()
    target = source if source_is_target else WORK.copy(source)
    before = homes.fingerprint(target)
    expect_sentence(run("replay", "--home", source, "--to", target).expect_code(tools.REFUSED), "not empty", "replay")
    expect_untouched(target, before, "replay")
    WORK.discard(source)


def refuses_without_a_directory_around():
    refuses(WORK.fixture(CHAIN), tools.FAILURE, "directory", "nowhere", target=os.path.join(WORK.new(), "nowhere"))


def wants_to():
    expect_sentence(run("replay", "--home", WORK.fixture(CHAIN)).expect_code(tools.USAGE), "--to DIR")


def refuses_other_options_for_the_same_home():
    source = WORK.fixture(CHAIN)
    target, _ = replayed(source, "--until", "5")
    before = homes.fingerprint(target)
    other = WORK.fixture(SHORT)
    for home, *args in ((source, "--discard-results"), (source, "--db-backend", "rocksdb"), (other,)):
        expect_sentence(run("replay", "--home", home, "--to", target, *args).expect_code(tools.REFUSED), "other options")
        expect_untouched(target, before, str(args))
    WORK.discard(target)


def fails_at_a_block_that_is_wrong(name, key, height):
    """The blocks before it are executed; the message names the height."""
    source = fresh(SHORT)
    put_pair(source, name, key, b"\x08\xff")
    target = WORK.new()
    expect_sentence(run("replay", "--home", source, "--to", target, "-q").expect_code(tools.FAILURE), str(height))
    expect_equal(height_of(target), height - 1, "height")
    WORK.discard(source)
    WORK.discard(target)


def fails_where_the_record_says_otherwise():
    """Results of another block under a height: the next header contradicts them."""
    source = fresh(SHORT)
    pairs = dict(line.split(b" ") for line in tools.run("dump", source, "--db", "state", "--values").expect_code(tools.OK).out.splitlines())
    results = bytes.fromhex(pairs[b"abciResponsesKey:9999".hex().encode()].decode())
    put_pair(source, "state", b"abciResponsesKey:10000", results)
    target = WORK.new()
    done = run("replay", "--home", source, "--to", target, "-q").expect_code(tools.FAILURE)
    expect(re.search(r"block 1000[01]", done.err), done.err)
    expect(height_of(target) in (9999, 10000), "it ends there")
    WORK.discard(source)
    WORK.discard(target)


def main():
    tools.require_cmtstore()
    tally = Tally()
    for fixture in CHAINS if full() else {SHORT, LONG, CHAIN, "node-0.38.26", "multi-1.0-v2", "votes-ext-1.0", *(fixture for fixture, _ in SAMPLE)}:
        WORK.fixture(fixture)  # before the cases want it at the same time
    tally.run("gives the same pairs", gives_the_same_pairs, [(f, e) for f in CHAINS for e in ("goleveldb", "rocksdb")] if full() else SAMPLE)
    tally.run("discards results", discards_results, [()])
    tally.run("discards results of 1.0", discards_results_of_1_0, [()])
    tally.run("keeps the last blocks", keeps_the_last_blocks, [()])
    tally.run("changes the layout", changes_the_layout, [()])
    tally.run("finds a genesis", finds_a_genesis, [("node-0.38.26", True), ("multi-1.0-v2", False)] + ([("votes-ext-1.0", False), ("multi-0.40", False)] if full() else []))
    tally.run("until a height, and on", until_and_on, [()])
    tally.run("goes on", goes_on, [(LONG, signal.SIGINT), (LONG, signal.SIGKILL, "--db-backend", "rocksdb")])
    tally.run("reads beside a writer", reads_beside_a_writer, ["goleveldb", "rocksdb"])
    tally.run("refuses what it cannot execute", refuses_what_it_cannot_execute, SOURCES)
    tally.run("refuses options", lambda args, code, *words: refuses(WORK.fixture(CHAIN), code, *words, args=args), OPTIONS, serial=True)
    tally.run("refuses a place that is taken", refuses_a_place, [True, False])
    tally.run("refuses without a directory around", refuses_without_a_directory_around, [()])
    tally.run("wants to know where to", wants_to, [()])
    tally.run("refuses other options for the same home", refuses_other_options_for_the_same_home, [()])
    tally.run("fails at a block that is wrong", fails_at_a_block_that_is_wrong, [("blockstore", b"P:10000:0", 10000), ("state", b"abciResponsesKey:10000", 10000), ("blockstore", b"SC:10149", LAST)])
    tally.run("fails where the record says otherwise", fails_where_the_record_says_otherwise, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
