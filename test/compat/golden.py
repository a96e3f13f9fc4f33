#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cmtstore against the golden dumps of CometBFT's own prunes.  Needs neither Go nor a network.

Environment: CMTSTORE (the program), CMT_TEST_JOBS (2), CMT_TEST_TMP, CMT_TEST_SEED, CMT_TEST_FULL=1.
Arguments: only these fixtures.
"""

import fcntl
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support import homes, ldb, tools  # noqa: E402
from support.tally import Tally, expect, expect_equal, full, seed  # noqa: E402

WORK = homes.Workspace()
ROCKSDB = "multi-0.38-rocksdb"
OWNER, GROUP = 4711, 4712  # nobody's, so that a file written with our own shows


def lines_of(pairs):
    return b"".join(
        b"%s %d %s\n" % (k.hex().encode(), len(v), hashlib.sha256(v).hexdigest().encode()) for k, v in sorted(pairs.items())
    )


def force_for(fixture, retain):
    """Pruning all but the newest block makes a rollback impossible: that wants --force."""
    return ["--force"] if retain == homes.golden_report(fixture, retain)["height"] else []


def expect_pairs(home, wanted, what):
    """Both readers, cmtstore's and the tests' own, see these lines in each database."""
    for name in homes.DATABASES:
        for reader, got in (
            ("cmtstore", tools.dump(home, name)),
            ("ldb.py", lines_of(ldb.pairs(homes.database(home, name)))),
        ):
            expect(got == wanted[name], f"{what}, {name} read by {reader}: {homes.differences(got, wanted[name])}")


def golden(fixture, state):
    return {name: homes.golden_lines(fixture, state, name) for name in homes.DATABASES}


def stray_files(home):
    return {f"{name}.db/{f}" for name in homes.DATABASES for f in ldb.stray_files(homes.database(home, name))}


def expect_tidy(home, inherited=frozenset()):
    """Sound trees, nothing lying about but what is inherited, empty trash."""
    for name in homes.DATABASES:
        expect_equal(ldb.structure_problems(homes.database(home, name)), [], f"structure of {name}")
    expect_equal(sorted(stray_files(home) - inherited), [], "files that nothing refers to")
    ours = os.path.join(home, "data", "cmtstore")
    left = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(ours, "trash")) for f in files]
    expect_equal(left, [], "trash left")


def expect_unchanged(home, before, what):
    after = homes.fingerprint(home)
    changed = sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))
    expect_equal(changed, [], f"{what}: changed files")


def give_away(home):
    """Owner, group and modes that are not what this process would use by itself."""
    for parent, directories, files in os.walk(os.path.join(home, "data"), topdown=False):
        for name in directories + files:
            path = os.path.join(parent, name)
            os.chmod(path, 0o750 if os.path.isdir(path) else 0o640)
            if os.geteuid() == 0:
                os.chown(path, OWNER, GROUP)
    if os.geteuid() == 0:
        os.chown(os.path.join(home, "data"), OWNER, GROUP)


def expect_given_away(home):
    for path, (mode, owner, group, _) in homes.fingerprint(os.path.join(home, "data")).items():
        if os.geteuid() == 0:
            expect_equal((owner, group), (OWNER, GROUP), f"owner of {path}")
        if not os.path.isdir(os.path.join(home, "data", path)):
            expect_equal(oct(mode & 0o7777), "0o640", f"mode of {path}")


# ---- cases -----------------------------------------------------------------------------------


def recognises(fixture):
    home = WORK.copy(WORK.fixture(fixture))
    before = homes.fingerprint(home)
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK).json()
    report = homes.golden_report(fixture, homes.golden_heights(fixture)[0])
    expect_equal(info["engine"], homes.engine_of(fixture), "engine")
    expect_equal(info["key_layout"], homes.layout(fixture), "key layout")
    expect_equal(info["chain_id"], "cmtgen-1", "chain id")
    expect_equal(info["blockstore"]["base"], report["base_before"], "base")
    expect_equal(info["blockstore"]["height"], report["height"], "height")
    expect_equal(info["state"]["last_block_height"], report["height"], "last block height")
    expect_pairs(home, golden(fixture, "before"), "before anything was done")
    expect_unchanged(home, before, "info and dump")
    WORK.discard(home)


def prunes(fixture, retain):
    home = WORK.copy(WORK.fixture(fixture))
    give_away(home)
    flags = ["--no-sweep", "--retain-height", retain, *force_for(fixture, retain)]
    before = homes.fingerprint(home)
    tools.run("plan", home, *flags, "-o", "json").expect_code(tools.OK).json()
    tools.run("prune", home, *flags, "--dry-run").expect_code(tools.OK)
    expect_unchanged(home, before, "plan and --dry-run")

    done = tools.change("prune", home, *flags).expect_code(tools.OK)
    expect(re.search(r"^ready:", done.err, re.M), f"no line that begins with ready: {done.err!r}")
    report, wanted = done.json(), homes.golden_report(fixture, retain)
    for field in ("base_before", "base", "height", "evidence_retain_height"):
        expect_equal(report[field], wanted[field], field)
    expect_equal(report["blocks_pruned"], wanted["pruned"], "blocks_pruned")
    expect_equal(report["retain_height"], retain, "retain_height")
    expect_pairs(home, golden(fixture, f"retain-{retain}"), "after the prune")
    expect_tidy(home)
    expect_given_away(home)

    pruned = homes.fingerprint(home)
    again = tools.change("prune", home, *flags).expect_code(tools.OK)
    expect("nothing to do" in (again.err + again.out.decode()).lower(), f"the second run says: {again.err!r}")
    expect_equal(again.json()["blocks_pruned"], 0, "blocks pruned by the second run")
    expect_unchanged(home, pruned, "the second run")
    WORK.discard(home)


def prunes_and_compacts(fixture, retain):
    home = WORK.copy(WORK.fixture(fixture))
    give_away(home)
    tools.change("prune-and-compact", home, "--no-sweep", "--retain-height", retain,
                 *force_for(fixture, retain)).expect_code(tools.OK)
    expect_pairs(home, golden(fixture, f"retain-{retain}"), "after prune-and-compact")
    expect_tidy(home)
    expect_given_away(home)
    WORK.discard(home)


def sweeps_nothing_here(fixture, retain):
    """Where no residue lies below base, the sweep and CometBFT's own prune are the same."""
    home = WORK.copy(WORK.fixture(fixture))
    tools.change("prune", home, "--retain-height", retain, *force_for(fixture, retain)).expect_code(tools.OK)
    expect_pairs(home, golden(fixture, f"retain-{retain}"), "after a prune with sweep")
    WORK.discard(home)


def sweeps_app_pruned(retain):
    """Exactly H: and C: of 1..419 go besides, and validatorsKey: of 1..419 but 392, the height of the
    last change before the evidence window."""
    fixture = "app-pruned-0.38"
    home = WORK.copy(WORK.fixture(fixture))
    tools.change("prune", home, "--retain-height", retain).expect_code(tools.OK)
    swept = {b"%s:%d" % (p, h) for p in (b"H", b"C", b"validatorsKey") for h in range(1, 420)} - {b"validatorsKey:392"}
    wanted = {
        name: b"".join(l for l in lines.splitlines(True) if bytes.fromhex(l.split()[0].decode()) not in swept)
        for name, lines in golden(fixture, f"retain-{retain}").items()
    }
    expect_pairs(home, wanted, "after the sweep")
    expect_tidy(home)
    before = homes.fingerprint(home)
    tools.change("prune", home, "--retain-height", retain).expect_code(tools.OK)
    expect_unchanged(home, before, "the second sweep")
    WORK.discard(home)


def prunes_in_steps(fixture, retain, number):
    """However many prunes it took: with the sweep, the end is that of one prune."""
    rng = random.Random(number)
    home = WORK.copy(WORK.fixture(fixture))
    base = homes.golden_report(fixture, retain)["base_before"]
    # Not at a checkpoint: the record there is full, so such a prune keeps nothing below it that a later one
    # would have kept for a pointer's sake (CometBFT's own prune does the same).
    between = [height for height in range(base + 1, retain) if height % 100000 != 0]
    steps = sorted(rng.sample(between, min(rng.randint(2, 6), len(between)))) + [retain]
    for height in steps:
        command = rng.choice(("prune", "prune", "prune-and-compact"))
        tools.change(command, home, "--retain-height", height, *(force_for(fixture, retain) if height == retain else [])
                     ).expect_code(tools.OK)
    expect_pairs(home, golden(fixture, f"retain-{retain}"), f"after prunes to {steps}")
    expect_tidy(home)
    WORK.discard(home)


def finishes_an_interrupted_prune(fixture, retain):
    """Block store new, state store old: what a crash between the two switches leaves."""
    flags = ["--no-sweep", "--retain-height", retain, *force_for(fixture, retain)]
    home, half = WORK.copy(WORK.fixture(fixture)), WORK.copy(WORK.fixture(fixture))
    tools.change("prune", home, *flags).expect_code(tools.OK)
    shutil.rmtree(homes.database(half, "blockstore"))
    shutil.copytree(homes.database(home, "blockstore"), homes.database(half, "blockstore"))
    tools.change("prune", half, *flags).expect_code(tools.OK)
    expect_pairs(half, golden(fixture, f"retain-{retain}"), "after finishing")
    expect_tidy(half)
    before = homes.fingerprint(half)
    tools.change("prune", half, *flags).expect_code(tools.OK)
    expect_unchanged(half, before, "one more run")
    WORK.discard(home)
    WORK.discard(half)


def compacts(fixture, retain):
    """After a prune to `retain` (0: as it is): the same pairs, no dead weight, and then nothing to do."""
    home = WORK.copy(WORK.fixture(fixture))
    give_away(home)
    state = "before"
    if retain:
        state = f"retain-{retain}"
        tools.change("prune", home, "--no-sweep", "--retain-height", retain,
                     *force_for(fixture, retain)).expect_code(tools.OK)
    # Where nothing is to be done, goleveldb's own orphans stay: it removes them at its next start.
    inherited = stray_files(home)
    if fixture == "shaped-1.0-v1-pebble":
        compacts_range_deletions(home, state)
        return
    tools.change("compact", home).expect_code(tools.OK)
    expect_pairs(home, golden(fixture, state), "after compact")
    expect_tidy(home, inherited if fixture == "checkpoint-0.38" else frozenset())
    expect_given_away(home)
    for name in homes.DATABASES:
        weight = ldb.dead_weight(homes.database(home, name))
        expect_equal(weight, (0, 0), f"tombstones and hidden entries left in {name}")
    before = homes.fingerprint(home)
    tools.change("compact", home).expect_code(tools.OK)
    expect_unchanged(home, before, "the second compact")
    WORK.discard(home)


def prunes_with_engine(fixture, retain, command):
    """The engine itself deletes."""
    prunes_by(fixture, retain, command, "engine", ["--method", "engine"])


def edits_rocksdb(retain, command):
    """The edit is the default; RocksDB itself reads what it leaves, and goes on with it."""
    prunes_by(ROCKSDB, retain, command, "edit", [])


def falls_back_to_the_engine(settings, retain):
    """Tables that CometBFT's settings do not make are the engine's business, unless that is forbidden."""
    home = WORK.copy(WORK.fixture(ROCKSDB))
    for name in homes.DATABASES:
        subprocess.run(tools.rocksdb_check("pack", homes.database(home, name), settings), check=True, timeout=120)
    before = homes.fingerprint(home)
    flags = ["--no-sweep", "--retain-height", retain]
    tools.change("prune-and-compact", home, *flags, "--method", "edit").expect_code(tools.REFUSED)
    expect_unchanged(home, before, "a refused edit")
    done = tools.change("prune-and-compact", home, *flags, "--log-level", "info").expect_code(tools.OK)
    expect_equal(done.json()["method"], "engine", "method")
    expect("the engine does it" in done.err, f"no reason in {done.err!r}")
    for name in homes.DATABASES:
        got, wanted_pairs = tools.dump(home, name), golden(ROCKSDB, f"retain-{retain}")[name]
        expect(got == wanted_pairs, f"{name}: {homes.differences(got, wanted_pairs)}")
    WORK.discard(home)


def prunes_by(fixture, retain, command, method, method_flags):
    """Files keep their owner; a second run finds nothing to do."""
    home = WORK.copy(WORK.fixture(fixture))
    give_away(home)
    flags = ["--no-sweep", "--retain-height", retain, *force_for(fixture, retain)]
    flags += method_flags
    report = tools.change(command, home, *flags).expect_code(tools.OK).json()
    wanted = homes.golden_report(fixture, retain)
    expect_equal((report["method"], report["base"], report["evidence_retain_height"], report["blocks_pruned"]),
                 (method, wanted["base"], wanted["evidence_retain_height"], wanted["pruned"]), "the report")
    before, left = golden(fixture, "before"), golden(fixture, f"retain-{retain}")
    gone = sum(len({l.split()[0] for l in before[n].splitlines()} - {l.split()[0] for l in left[n].splitlines()})
               for n in homes.DATABASES)
    expect_equal(report["keys_deleted"], gone, "keys_deleted")
    if homes.engine_of(fixture) == "pebbledb":
        expect_pairs(home, left, "after a prune by the engine")
        expect_nothing_foreign(home)
    for name in homes.DATABASES:
        got = tools.dump(home, name)
        expect(got == left[name], f"{name}: {homes.differences(got, left[name])}")
    expect_given_away(home)
    again = tools.change(command, home, *flags).expect_code(tools.OK).json()
    expect_equal((again["nothing_to_do"], again["blocks_pruned"]), (True, 0), "the second run")
    WORK.discard(home)


def expect_nothing_foreign(home):
    """Of RocksDB's work in the clones only tables came back, and nothing is left of the clones."""
    for name in homes.DATABASES:
        names = os.listdir(homes.database(home, name))
        expect_equal([n for n in names if not re.fullmatch(r"\d+\.sst|(MANIFEST|OPTIONS)-\d+|CURRENT|LOCK|\d+\.log", n)], [],
                     f"foreign files in {name}")
        expect_equal(sum(n.startswith("MANIFEST-") for n in names), 1, f"MANIFESTs in {name}")
    expect_equal(sorted(stray_files(home)), [], "files that nothing refers to")
    expect(not os.path.exists(os.path.join(home, "data", "cmtstore")), "something is left of the clones")


def compacts_pebble_by_engine(fixture, retain):
    home = WORK.copy(WORK.fixture(fixture))
    give_away(home)
    tools.change("prune", home, "--no-sweep", "--retain-height", retain, "--method", "engine",
                 *force_for(fixture, retain)).expect_code(tools.OK)
    report = tools.change("compact", home, "--method", "engine").expect_code(tools.OK).json()
    expect_equal(report["method"], "engine", "method")
    expect_pairs(home, golden(fixture, f"retain-{retain}"), "after a compaction by the engine")
    expect_nothing_foreign(home)
    expect_given_away(home)
    # The edit reads, and goes on from, what the engine left.
    tools.change("compact", home).expect_code(tools.OK)
    expect_pairs(home, golden(fixture, f"retain-{retain}"), "after one more compaction")
    WORK.discard(home)


def compacts_rocksdb(prune_by, flags, method):
    home = WORK.copy(WORK.fixture(ROCKSDB))
    tools.change("prune", home, "--no-sweep", "--retain-height", 560, "--method", prune_by).expect_code(tools.OK)
    levels = [sum(tools.run("info", home, "-o", "json").json()[part]["tables_per_level"][0] for part in homes.DATABASES)]
    report = tools.change("compact", home, *flags).expect_code(tools.OK).json()
    expect_equal((report["method"], report["nothing_to_do"]), (method, False), "the report")
    levels += [sum(tools.run("info", home, "-o", "json").json()[part]["tables_per_level"][0] for part in homes.DATABASES)]
    expect(levels[0] > 0 and levels[1] == 0, f"tables on level 0 before and after: {levels}")
    for name in homes.DATABASES:
        got, wanted = tools.dump(home, name), golden(ROCKSDB, "retain-560")[name]
        expect(got == wanted, f"{name}: {homes.differences(got, wanted)}")
    WORK.discard(home)


def compacts_range_deletions(home, state):
    """An edit cannot rewrite them; left the choice, cmtstore has the engine do it."""
    fixture = "shaped-1.0-v1-pebble"
    before = homes.fingerprint(home)
    done = tools.change("compact", home, "--method", "edit").expect_code(tools.REFUSED)
    expect("range deletions" in done.err, f"no reason in {done.err!r}")
    expect_unchanged(home, before, "a refused compaction")
    plan = tools.run("plan", home, "--keep-blocks", 100000, "-o", "json").expect_code(tools.OK).json()
    expect_equal(plan["method"], "edit", "the method of a prune")
    report = tools.change("compact", home).expect_code(tools.OK).json()
    expect_equal((report["method"], report["nothing_to_do"]), ("engine", False), "the report")
    expect_pairs(home, golden(fixture, state), "after a compaction by the engine")
    expect_tidy(home)
    expect_given_away(home)
    for name in homes.DATABASES:
        expect(not ldb.has_range_deletes(homes.database(home, name)), f"{name} still holds range deletions")
    again = tools.change("compact", home).expect_code(tools.OK).json()
    expect_equal(again["method"], "edit", "the method of the second compaction")
    expect_pairs(home, golden(fixture, state), "after a second compaction")
    WORK.discard(home)


def refuses_height(flags, code):
    home = WORK.copy(WORK.fixture("multi-0.38"))
    before = homes.fingerprint(home)
    tools.change("prune", home, *flags).expect_code(code)
    expect_unchanged(home, before, "a refused prune")
    WORK.discard(home)


def keeps_a_number_of_blocks(count, wanted):
    home = WORK.copy(WORK.fixture("multi-0.38"))
    before = homes.fingerprint(home)
    tools.change("prune", home, "--no-sweep", "--keep-blocks", count).expect_code(tools.OK)
    expect_pairs(home, golden("multi-0.38", wanted), f"after keeping {count} blocks")
    if wanted == "before":
        expect_unchanged(home, before, "keeping more than there is")
    WORK.discard(home)


def refuses_foreign(fixture, named):
    """Other engines: named, refused, untouched."""
    home = WORK.copy(WORK.fixture(fixture))
    before = homes.fingerprint(home)
    info = tools.run("info", home, "-o", "json").expect_code(tools.OK, tools.REFUSED)
    told = info.out.decode() + info.err
    expect(named in told, f"info does not name {named}: {told[:300]}")
    for command, *flags in (("prune", "--retain-height", 250), ("prune-and-compact", "--keep-blocks", 10), ("compact",)):
        tools.change(command, home, *flags).expect_code(tools.REFUSED)
    expect_unchanged(home, before, "refused commands")
    WORK.discard(home)


def refuses_backend_mismatch():
    home = WORK.copy(WORK.fixture("multi-0.38"))
    with open(os.path.join(home, "config", "config.toml"), "w", encoding="ascii") as f:
        f.write('db_backend = "rocksdb"\n')
    before = homes.fingerprint(home)
    tools.change("prune", home, "--retain-height", 300).expect_code(tools.REFUSED)
    expect_unchanged(home, before, "a prune against db_backend")
    WORK.discard(home)


def refuses_missing(name):
    home = WORK.copy(WORK.fixture("multi-0.38"))
    shutil.rmtree(homes.database(home, name))
    before = homes.fingerprint(home)
    tools.change("prune", home, "--retain-height", 300).expect_code(tools.FAILURE)
    expect_unchanged(home, before, f"a prune without {name}.db")
    WORK.discard(home)


def respects_locks(name, protocol):
    """goleveldb locks by flock, the C++ engines by fcntl: either kind on either database."""
    home = WORK.copy(WORK.fixture("multi-0.38"))
    before = homes.fingerprint(home)
    with open(os.path.join(homes.database(home, name), "LOCK"), "r+b") as lock:
        (fcntl.flock if protocol == "flock" else fcntl.lockf)(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for command, flags in (("prune", ["--retain-height", 300]), ("compact", [])):
            tools.change(command, home, *flags).expect_code(tools.BUSY)
        for command in ("info", "plan --retain-height 300"):
            tools.run(*command.split()[:1], home, *command.split()[1:]).expect_code(tools.OK)
        tools.dump(home, name)
        expect_unchanged(home, before, f"beside a {protocol} lock on {name}")
    tools.change("prune", home, "--no-sweep", "--retain-height", 300).expect_code(tools.OK)
    WORK.discard(home)


def refuses_pending_current():
    """CURRENT.<n> means that goleveldb was stopped in the middle of a switch of its own."""
    home = WORK.copy(WORK.fixture("multi-0.38"))
    directory = homes.database(home, "state")
    version = ldb.Version(directory)
    shutil.copy(os.path.join(directory, "CURRENT"), os.path.join(directory, f"CURRENT.{int(version.manifest[9:])}"))
    before = homes.fingerprint(home)
    tools.change("prune", home, "--retain-height", 300).expect_code(tools.REFUSED)
    expect_unchanged(home, before, "a prune beside a pending CURRENT")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    fixtures = sys.argv[1:] or homes.GOLDEN
    for fixture in fixtures:
        WORK.fixture(fixture)
    heights = [(f, r) for f in fixtures for r in homes.golden_heights(f)]
    tally = Tally()
    tally.run("recognises what it is given", recognises, fixtures)
    tally.run("prunes to the golden pairs", prunes, heights)
    tally.run("prunes and compacts to the golden pairs", prunes_and_compacts, heights)
    for command in ("prune", "prune-and-compact"):
        tally.run(f"{command} by LevelDB leaves the golden pairs", prunes_with_engine,
                  [(*h, command) for h in heights if homes.engine_of(h[0]) == "goleveldb"])
        tally.run(f"{command} of pebble by RocksDB leaves the golden pairs", prunes_with_engine,
                  [(*h, command) for h in heights if homes.engine_of(h[0]) == "pebbledb"])
    tally.run("compacts pebble by RocksDB", compacts_pebble_by_engine,
              [h for h in heights if homes.engine_of(h[0]) == "pebbledb"])
    tally.run("compacts without a change of pairs", compacts,
              [(f, r) for f in fixtures for r in (0, *homes.golden_heights(f)[:2])])
    tally.run("sweeps nothing where nothing is to be swept", sweeps_nothing_here,
              [(f, r) for f, r in heights if f != "app-pruned-0.38"])
    first = seed()
    print(f"seed {first} (CMT_TEST_SEED={first} repeats this run)", flush=True)
    tally.run("prunes in many steps as in one", prunes_in_steps,
              [(f, r, first + i) for f, r in heights if f != "app-pruned-0.38" for i in range(20 if full() else 1)])
    tally.run("finishes a prune interrupted between the stores", finishes_an_interrupted_prune, heights)
    if not sys.argv[1:]:
        others(tally)
    tally.finish()


def others(tally):
    for fixture in (ROCKSDB,):
        WORK.fixture(fixture)
    tally.run("sweeps what an application's pruning left", sweeps_app_pruned, homes.golden_heights("app-pruned-0.38"))
    tally.run("keeps a number of blocks", keeps_a_number_of_blocks,
              [(301, "retain-300"), (41, "retain-560"), (600, "before"), (100000, "before")])
    tally.run("refuses bad heights", refuses_height,
              [(["--retain-height", 601], tools.REFUSED), (["--retain-height", 600], tools.REFUSED),
               (["--retain-height", 0], tools.USAGE), (["--retain-height", -5], tools.USAGE),
               (["--retain-height", "12x"], tools.USAGE), (["--keep-blocks", 0], tools.USAGE),
               (["--retain-height", "99999999999999999999"], tools.USAGE), ([], tools.USAGE)])
    tally.run("refuses what it cannot write", refuses_foreign,
              [])
    rocks = [(ROCKSDB, r) for r in homes.golden_heights(ROCKSDB)]
    for command in ("prune", "prune-and-compact"):
        tally.run(f"{command} by RocksDB leaves the golden pairs", prunes_with_engine, [(*h, command) for h in rocks])
        tally.run(f"{command} of RocksDB leaves the golden pairs", edits_rocksdb,
                  [(r, command) for _, r in rocks])
    tally.run("leaves to RocksDB what the edit does not know", falls_back_to_the_engine,
              [(s, r) for s in ("compression=kZlibCompression",
                                "block_based_table_factory={data_block_index_type=kDataBlockBinaryAndHash};"
                                "compression=kNoCompression") for _, r in rocks[:1]])
    tally.run("compacts RocksDB", compacts_rocksdb,
              [("edit", [], "edit"), ("edit", ["--method", "engine"], "engine"),
               ("engine", [], "engine")])  # which leaves range deletions
    tally.run("refuses a db_backend that the files contradict", refuses_backend_mismatch, [()])
    tally.run("fails where a store is missing", refuses_missing, homes.DATABASES)
    tally.run("refuses while another holds a lock", respects_locks,
              [(n, p) for n in homes.DATABASES for p in ("flock", "fcntl")])
    tally.run("refuses beside a pending CURRENT", refuses_pending_current, [()])


if __name__ == "__main__":
    with WORK:
        main()
