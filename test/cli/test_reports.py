#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each command prints: JSON, text, log lines.

Environment: CMTSTORE (the program), CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import json
import os
import re
import shutil

from common import CHAIN, WORK, expect_sentence, expect_untouched, fresh, run
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal


def shape(value):
    """The types inside a JSON value; of a list those of its first element."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


DATABASE = {"bytes": "int", "journal_bytes": "int", "tables_per_level": ["int"], "needs_heal": "bool"}
INFO = {
    "home": "str", "data_dir": "str", "engine": "str", "key_layout": "str", "chain_id": "str",
    "blockstore": {"base": "int", "height": "int", **DATABASE},
    "state": {"last_block_height": "int", "initial_height": "int", "app_hash": "str", "last_block_time": "str", **DATABASE},
    "evidence_retain_height": "int", "unfinished_prune": "bool", "trash_bytes": "int",
    "retain_heights": {"application": "int", "companion": "int", "results": "int"},
    "families": [{"database": "str", "family": "str", "bytes": "int", "leftover_heights": "int"}],
}


def tells_what_is_there():
    home = fresh()
    done = run("info", "--home", home, "-o", "json").expect_code(tools.OK)
    expect_equal(done.out.count(b"\n"), 1, "lines of one JSON object")
    info = done.json()
    expect_equal(shape(info), INFO, "shape of info")
    expect_equal((info["home"], info["engine"], info["key_layout"], info["chain_id"]),
                 (os.path.realpath(home), "goleveldb", "v1", "cmtgen-1"), "who it is")
    expect_equal((info["blockstore"]["base"], info["blockstore"]["height"]), (1, 600), "blocks")
    expect_equal((info["state"]["last_block_height"], info["state"]["initial_height"]), (600, 1), "state")
    expect_equal(info["evidence_retain_height"], 540, "evidence height: 60 blocks and 60 s back")
    expect(re.fullmatch("[0-9A-F]{64}", info["state"]["app_hash"]), f"app hash {info['state']['app_hash']}")
    for name in homes.DATABASES:
        directory = homes.database(home, name)
        size = sum(os.path.getsize(os.path.join(directory, f)) for f in os.listdir(directory))
        expect_equal(info[name]["bytes"], size, f"bytes of {name}")
        tables = [0] * 7
        for level, _ in ldb.Version(directory).tables():
            tables[level] += 1
        expect_equal(info[name]["tables_per_level"], tables, f"tables of {name}")
    text = run("info", "--home", home).expect_code(tools.OK).out.decode()
    for word in (os.path.realpath(home), "goleveldb", "cmtgen-1", "1 to 600, 600 blocks", "height 600 of 2024-",
                 info["state"]["app_hash"], "validatorsKey:", "MiB"):
        expect(word in text, f"info lacks {word!r}")
    WORK.discard(home)


def tells_of_leftovers_and_trash():
    home = fresh("app-pruned-0.38")
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    found = {f["family"]: f["leftover_heights"] for f in info["families"] if f["leftover_heights"]}
    expect_equal(found, {"H:": 419, "C:": 419, "validatorsKey:": 418}, "leftovers")
    expect_equal(info["trash_bytes"], 0, "trash bytes")
    text = run("info", "--home", home).expect_code(tools.OK).out.decode()
    expect("Earlier prunes left keys below base" in text, text)
    trash = os.path.join(home, "data", "cmtstore", "trash", "1-1", "blockstore.db")
    os.makedirs(trash)
    with open(os.path.join(trash, "000001.ldb"), "wb") as f:
        f.write(b"x" * 5000)
    expect_equal(run("info", "--home", home, "-o", "json").json()["trash_bytes"], 5000, "trash bytes")
    expect("4.9 KiB of trash" in run("info", "--home", home).out.decode(), "trash in the text")
    tools.change("prune", home, "-b", 30).expect_code(tools.OK)
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal(info["trash_bytes"], 0, "trash bytes after the next run")
    expect(not any(f["leftover_heights"] for f in info["families"]), "leftovers after a sweep")
    WORK.discard(home)


def tells_of_an_unfinished_prune():
    """The block store switched, the state store did not: what a crash between the two leaves."""
    home, pruned = fresh(), fresh()
    run("prune", "--home", pruned, "-b", 300).expect_code(tools.OK)
    shutil.rmtree(homes.database(home, "blockstore"))
    shutil.move(homes.database(pruned, "blockstore"), homes.database(home, "blockstore"))
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((info["blockstore"]["base"], info["unfinished_prune"]), (301, True), "base and unfinished_prune")
    expect("An interrupted prune waits to be finished" in run("info", "--home", home).out.decode(), "the text says so")
    plan = run("plan", "--home", home, "-b", 300, "-o", "json").expect_code(tools.OK).json()
    expect_equal((plan["nothing_to_do"], plan["finishes_earlier"], plan["blocks_to_prune"]), (False, True, 0), "plan")
    expect("completes a prune that was interrupted" in run("plan", "--home", home, "-b", 300).out.decode(), "the plan says so")
    run("prune", "--home", home, "-b", 300).expect_code(tools.OK)
    expect_equal(run("info", "--home", home, "-o", "json").json()["unfinished_prune"], False, "unfinished_prune afterwards")
    WORK.discard(home)
    WORK.discard(pruned)


def tells_what_it_can_of_other_engines(fixture, engine):
    home = fresh(fixture)
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal(info["engine"], engine, "engine")
    expect_equal((info["key_layout"], info["chain_id"], info["blockstore"]["base"], info["blockstore"]["height"],
                  info["state"]["last_block_height"], info["state"]["app_hash"], info["families"]), (None,) * 7, "unknown values")
    directory = homes.database(home, "blockstore")
    size = sum(os.path.getsize(os.path.join(directory, f)) for f in os.listdir(directory))
    expect_equal(info["blockstore"]["bytes"], size, "bytes")
    expect(engine in run("info", "--home", home).expect_code(tools.OK).out.decode(), "engine in the text")
    for args in (["plan", "-b", 10], ["dump", "--db", "state"], ["compact"]):
        expect_sentence(run(*args, "--home", home).expect_code(tools.REFUSED), engine)
    WORK.discard(home)


def tells_of_rocksdb():
    """By its read-only open, which writes nothing."""
    home = fresh("multi-0.38-rocksdb")
    before = homes.fingerprint(home)
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((info["engine"], info["key_layout"], info["blockstore"]["base"], info["blockstore"]["height"],
                  info["state"]["last_block_height"]), ("rocksdb", "v1", 1, 600, 600), "engine and heights")
    plan = run("plan", "-b", 10, "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((plan["method"], plan["blocks_to_prune"], plan["nothing_to_do"]), ("edit", 590, False), "plan")
    plan = run("plan", "-b", 10, "--method", "engine", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((plan["method"], plan["blocks_to_prune"], plan["nothing_to_do"]), ("engine", 590, False), "plan")
    expect_equal(homes.fingerprint(home), before, "the directory")
    WORK.discard(home)


def reads_what_a_newer_rocksdb_wrote():
    """Where RocksDB as it is here would not open the files, they are read without it."""
    home = fresh("multi-0.38-rocksdb")
    wanted = [run("dump", "--home", home, "--db", name).expect_code(tools.OK).out for name in homes.DATABASES]
    for name in homes.DATABASES:
        directory = homes.database(home, name)
        newest = os.path.join(directory, max(f for f in os.listdir(directory) if f.startswith("OPTIONS-")))
        with open(newest, encoding="ascii") as f:
            text = f.read()
        with open(newest, "w", encoding="ascii") as f:
            f.write(text.replace("rocksdb_version=7.", "rocksdb_version=9."))
    expect_equal([run("dump", "--home", home, "--db", name).expect_code(tools.OK).out for name in homes.DATABASES], wanted, "dumps")
    run("plan", "-b", 10, "--method", "engine", "--home", home).expect_code(tools.REFUSED)
    expect_equal(run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()["blockstore"]["height"], 600, "height")
    WORK.discard(home)


def tells_of_layout_v2():
    home = fresh("multi-1.0-v2")
    info = run("info", "--home", home, "-o", "json").expect_code(tools.OK).json()
    expect_equal((info["key_layout"], info["blockstore"]["base"], info["blockstore"]["height"], info["state"]["last_block_height"]),
                 ("v2", 1, 600, 600), "layout and heights")
    expect(all(f["bytes"] > 0 for f in info["families"] if f["family"] != "EC:"), f"sizes of families: {info['families']}")
    plan = run("plan", "-b", 10, "--home", home, "-o", "json").expect_code(tools.OK).json()
    dead = {f["family"]: (f["dead_heights"], 0 < f["dead_bytes"] <= f["total_bytes"]) for f in plan["families"]}
    expect_equal({family: dead[family] for family in ("P:", "SC:", "BH:", "abciResponsesKey:")},
                 dict.fromkeys(("P:", "SC:", "BH:", "abciResponsesKey:"), (590, True)), "what the plan says of families")
    WORK.discard(home)


EDIT = {k: "int" for k in ("tables", "tables_dropped", "tables_rewritten", "tables_marked", "tombstones", "bytes_to_write")}
COST = {"method": "str", "nothing_to_do": "bool", "blockstore": EDIT, "state": EDIT, "peak_extra_bytes": "int", "freed_bytes": "int", "estimated_ms": "int"}
PLAN = {
    "base": "int", "height": "int", "last_block_height": "int", "retain_height": "int", "decided_by": "str",
    "evidence_retain_height": "int", "blocks_to_prune": "int", "finishes_earlier": "bool", "only_compacts": "bool", "sweeps": "bool",
    "search_complete": "bool", **COST,
    "families": [{"database": "str", "family": "str", "dead_heights": "int", "dead_bytes": "int", "total_bytes": "int"}],
}


def plans():
    home = fresh()
    before = homes.fingerprint(home)
    plan = run("plan", "--home", home, "--retain-height", 560, "-o", "json").expect_code(tools.OK).json()
    expect_equal(shape(plan), PLAN, "shape of plan")
    wanted = homes.golden_report(CHAIN, 560)
    expect_equal((plan["base"], plan["retain_height"], plan["height"], plan["blocks_to_prune"], plan["nothing_to_do"]),
                 (1, 560, 600, 559, False), "heights")
    expect_equal(plan["evidence_retain_height"], wanted["evidence_retain_height"], "evidence height")
    for command in ("prune", "prune-and-compact"):
        dry = run(command, "--home", home, "--retain-height", 560, "--dry-run", "-o", "json").expect_code(tools.OK).json()
        expect_equal(shape(dry), PLAN, f"shape of {command} --dry-run")
    dry = run("compact", "--home", home, "--dry-run", "-o", "json").expect_code(tools.OK).json()
    expect_equal(shape(dry), {"base": "int", "height": "int", "last_block_height": "int", **COST}, "shape of compact --dry-run")
    text = run("plan", "--home", home, "-b", 41).expect_code(tools.OK).out.decode()
    for word in ("1 to 600, 600 blocks", "560 to 600, 41 blocks (--keep-blocks 41)", "from height 540", "abciResponsesKey:", "frees about"):
        expect(word in text, f"plan lacks {word!r}")
    expect("nothing to do" in run("plan", "--home", home, "-b", 600).expect_code(tools.OK).out.decode(), "nothing to do")
    expect_untouched(home, before, "plans")
    WORK.discard(home)


SPACE = {
    **{k: "int" for k in ("bytes_before", "bytes_after", "ready_ms", "elapsed_ms", "tables_dropped", "tables_rewritten", "tables_marked",
                          "tables_written", "tombstones", "bytes_read", "bytes_written", "files_left")},
    "method": "str", "nothing_to_do": "bool",
}
PRUNE = {
    **{k: "int" for k in ("base_before", "base", "height", "retain_height", "evidence_retain_height", "blocks_pruned", "keys_deleted")},
    **SPACE,
}


def bytes_of(home):
    return sum(run("info", "--home", home, "-o", "json").json()[name]["bytes"] for name in homes.DATABASES)


def reports_a_prune(command):
    home = fresh()
    pairs_before = sum(run("dump", "--home", home, "--db", n, "-o", "json").json()["pairs"] for n in homes.DATABASES)
    bytes_before = bytes_of(home)
    done = run(command, "--home", home, "--keep-blocks", 300, "-o", "json").expect_code(tools.OK)
    expect_equal(done.out.count(b"\n"), 1, "lines of one JSON object")
    report = done.json()
    expect_equal(shape(report), PRUNE, f"shape of {command}")
    expect_equal([report[k] for k in ("base_before", "base", "height", "retain_height", "blocks_pruned", "method", "nothing_to_do", "files_left")],
                 [1, 301, 600, 301, 300, "edit", False, 0], "report")
    pairs_after = sum(run("dump", "--home", home, "--db", n, "-o", "json").json()["pairs"] for n in homes.DATABASES)
    expect_equal(report["keys_deleted"], pairs_before - pairs_after, "keys deleted")
    expect_equal((report["bytes_before"], report["bytes_after"]), (bytes_before, bytes_of(home)), "bytes before and after")
    expect(0 <= report["ready_ms"] <= report["elapsed_ms"], f"ready_ms {report['ready_ms']}, elapsed_ms {report['elapsed_ms']}")
    lines = [line for line in done.err.splitlines() if line.startswith("ready:")]
    expect_equal(lines, [f"ready: the node may start now (after {report['ready_ms']} ms)"], "ready lines")
    again = run(command, "--home", home, "--keep-blocks", 300, "-o", "json").expect_code(tools.OK)
    expect_equal(shape(again.json()), PRUNE, "shape when there is nothing to do")
    expect_equal([again.json()[k] for k in ("base_before", "base", "retain_height", "blocks_pruned", "keys_deleted", "nothing_to_do")],
                 [301, 301, 301, 0, 0, True], "nothing to do")
    expect("nothing to do" in again.err, "nothing to do is said")
    WORK.discard(home)


def reports_a_prune_as_text():
    home = fresh()
    done = run("prune", "--home", home, "-b", 300).expect_code(tools.OK)
    text = done.out.decode()
    for word in ("pruned 300 blocks", "301 to 600, 300 blocks", "was 2.3 MiB", "the node could start after"):
        expect(word in text, f"report lacks {word!r}: {text}")
    for word in ("kept          301 to 600, 300 blocks (--keep-blocks 300)", "ready: the node may start now"):
        expect(word in done.err, f"standard error lacks {word!r}: {done.err}")
    again = run("prune", "--home", home, "-b", 300).expect_code(tools.OK)
    expect(again.out.startswith(b"nothing to do\n"), f"second run: {again.out!r}")
    WORK.discard(home)


def reports_a_compaction():
    home = fresh()
    done = run("compact", "--home", home, "-o", "json").expect_code(tools.OK)
    report = done.json()
    expect_equal(shape(report), SPACE, "shape of compact")
    expect_equal((report["method"], report["nothing_to_do"]), ("edit", False), "report")
    expect(re.search("^ready: ", done.err, re.M), "ready line")
    expect_equal(report["bytes_after"], bytes_of(home), "bytes after")
    text = run("compact", "--home", home).expect_code(tools.OK).out.decode()
    expect(text.startswith("nothing to do\n"), text)
    WORK.discard(home)


def is_quiet():
    home = fresh()
    done = run("prune", "--home", home, "-b", 300, "-q", "-o", "json").expect_code(tools.OK)
    expect(re.fullmatch(r"ready: [^\n]+\n", done.err), f"with --quiet: {done.err!r}")
    WORK.discard(home)


def writes_log_lines():
    home = fresh()
    plain = run("prune", "--home", home, "-b", 400, "-y").expect_code(tools.OK).err
    expect(re.search(r"^I\[\d{4}-\d\d-\d\d\|\d\d:\d\d:\d\d\.\d{3}\] \S.{43} module=cmtstore \S+=", plain, re.M), f"plain: {plain!r}")
    lines = run("prune", "--home", home, "-b", 300, "-o", "json", "--log-format", "json", "--log_level", "debug").expect_code(tools.OK).err
    logged = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    expect(logged, "no JSON log lines")
    for entry in logged:
        expect({"_msg", "level", "module", "ts"} <= entry.keys() and entry["module"] == "cmtstore", f"entry {entry}")
        expect(len(entry) == 4 or "=" not in entry["_msg"], f"pairs left in the message: {entry}")
    pruned = [e for e in logged if "pruned" in e]
    expect_equal([(e["pruned"], e["base"]) for e in pruned], [("100", "301")], "the line of the prune")
    none = run("prune", "--home", home, "-b", 200, "-o", "json", "--log-level", "error").expect_code(tools.OK).err
    expect(re.fullmatch(r"ready: [^\n]+\n", none), f"with --log-level error: {none!r}")
    WORK.discard(home)


def keeps_errors_off_standard_output(args, code):
    home = fresh()
    expect_sentence(run(*args, "--home", home, "-o", "json").expect_code(code))
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    for fixture in (CHAIN, "app-pruned-0.38", "multi-1.0-v2", "multi-0.38-rocksdb"):
        WORK.fixture(fixture)
    tally = Tally()
    tally.run("tells what is there", tells_what_is_there, [()])
    tally.run("tells of leftovers and trash", tells_of_leftovers_and_trash, [()])
    tally.run("tells of an unfinished prune", tells_of_an_unfinished_prune, [()])
    tally.run("tells what it can of other engines", tells_what_it_can_of_other_engines,
              [])
    tally.run("tells of RocksDB", tells_of_rocksdb, [()])
    tally.run("reads what a newer RocksDB wrote", reads_what_a_newer_rocksdb_wrote, [()])
    tally.run("tells of layout v2", tells_of_layout_v2, [()])
    tally.run("plans", plans, [()])
    tally.run("reports a prune", reports_a_prune, ["prune", "prune-and-compact"])
    tally.run("reports a prune as text", reports_a_prune_as_text, [()])
    tally.run("reports a compaction", reports_a_compaction, [()])
    tally.run("is quiet", is_quiet, [()])
    tally.run("writes log lines", writes_log_lines, [()])
    tally.run("keeps errors off standard output", keeps_errors_off_standard_output,
              [(["prune", "--retain-height", 601], tools.REFUSED), (["plan", "--retain-height", 601], tools.REFUSED),
               (["dump"], tools.USAGE), (["info", "--db-backend", "rocksdb"], tools.REFUSED)])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
