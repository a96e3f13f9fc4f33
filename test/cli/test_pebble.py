#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cmtstore must not touch of pebble's: other formats and options, other engines' traces, damage.

Every case compares the whole tree before and after.  Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import os
import struct

from common import WORK, fresh
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal
from test_refusals import NEW_TABLE, append_record, expect_refusal, sized, varint

PEBBLE = "multi-1.0-v1-pebble"


def add_file(name, text=b""):
    def change(directory):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(text)
    return change


def set_option(old, new):
    def change(directory):
        path = next(os.path.join(directory, f) for f in os.listdir(directory) if f.startswith("OPTIONS-"))
        with open(path, encoding="ascii") as f:
            text = f.read()
        expect(old in text, f"no {old} in OPTIONS")
        with open(path, "w", encoding="ascii") as f:
            f.write(text.replace(old, new))
    return change


def add_edit(edit):
    return lambda directory: append_record(os.path.join(directory, ldb.Version(directory).manifest), edit)


def a_table(directory):
    version = ldb.Version(directory)
    return version.table_path(next(version.tables())[1].number)


def overwrite(from_end, data):
    """Bytes of a table, counted from its end."""
    def change(directory):
        with open(a_table(directory), "r+b") as f:
            f.seek(-from_end, os.SEEK_END)
            f.write(data)
    return change


def shorten(directory):
    os.truncate(a_table(directory), os.path.getsize(a_table(directory)) - 1)


def damage_older_log(directory):
    """The last record of a log that is not the last."""
    log = os.path.join(directory, f"{ldb.Version(directory).journals()[-1]:06d}.log")
    os.truncate(log, os.path.getsize(log) - 300)  # pebble ends a log with a chunk of its own
    add_file(f"{int(os.path.basename(log)[:-4]) + 1:06d}.log")(directory)


def add_batch(data):
    """A record in the newest log."""
    def change(directory):
        number = ldb.Version(directory).journals()[-1] + 1
        covered = b"\5" + struct.pack("<I", number) + data
        add_file(f"{number:06d}.log", struct.pack("<IH", ldb.masked_crc32c(covered), len(data)) + covered)(directory)
    return change


def new_table(level=0, custom=b""):
    body = varint(level) + varint(99999) + varint(10) + NEW_TABLE + varint(1) + varint(2)
    return varint(103) + body + custom + varint(1)


CHANGES = [
    ("a newer format", add_file("marker.format-version.000002.003"), tools.REFUSED, "marker.format-version"),
    ("remote objects", add_file("REMOTE-OBJ-CATALOG-000001"), tools.REFUSED, "REMOTE-OBJ"),
    ("RocksDB was here", add_file("IDENTITY"), tools.REFUSED, "IDENTITY"),
    ("a blob file", add_file("000099.blob"), tools.REFUSED, "000099.blob"),
    ("LevelDB was here", add_file("000099.ldb"), tools.REFUSED, "000099.ldb"),
    ("another version", set_option("pebble_version=0.1", "pebble_version=0.2"), tools.REFUSED, "pebble_version"),
    ("another format", set_option("format_major_version=1", "format_major_version=13"), tools.REFUSED, "format_major_version"),
    ("another comparer", set_option("comparer=leveldb.BytewiseComparator", "comparer=x"), tools.REFUSED, "comparer"),
    ("another merger", set_option("merger=pebble.concatenate", "merger=x"), tools.REFUSED, "merger"),
    ("logs elsewhere", set_option("wal_dir=", "wal_dir=/elsewhere"), tools.REFUSED, "wal_dir"),
    ("RocksDB opened it", add_edit(varint(10) + varint(7)), tools.REFUSED, "RocksDB has opened"),
    ("range keys", add_edit(varint(104) + varint(0)), tools.REFUSED, "field 104"),
    ("virtual tables", add_edit(varint(105) + varint(5) + varint(9)), tools.REFUSED, "field 105"),
    ("a column family", add_edit(varint(200) + varint(1)), tools.REFUSED, "field 200"),
    ("LevelDB's table", add_edit(varint(7) + varint(0) + varint(99999) + varint(10) + NEW_TABLE), tools.REFUSED, "field 7"),
    ("a blob reference", add_edit(new_table(custom=varint(4) + sized(b"\1"))), tools.REFUSED, "attribute 4"),
    ("a path", add_edit(new_table(custom=varint(65) + sized(b"\1"))), tools.REFUSED, "attribute 65"),
    ("level 7", add_edit(new_table(level=7)), tools.REFUSED, "level 7"),
    ("another comparator", add_edit(varint(1) + sized(b"x")), tools.REFUSED, "comparator"),
    ("a table that is not there", add_edit(new_table()), tools.FAILURE, "099999", "missing"),
    ("a table that is shorter", shorten, tools.FAILURE, "bytes"),
    ("a newer table format", overwrite(12, struct.pack("<I", 3)), tools.REFUSED, "format 3"),
    ("another checksum", overwrite(53, b"\4"), tools.REFUSED, "checksum kind 4"),
    ("a newer table", overwrite(8, b"\xf0\x9f\xaa\xb3\xf0\x9f\xaa\xb3"), tools.REFUSED, "magic"),
    ("an older log that is torn", damage_older_log, tools.FAILURE, "newer logs follow"),
    ("a batch without a header", add_batch(b"short"), tools.FAILURE, "shorter than its header"),
    ("a batch of another kind", add_batch(struct.pack("<QI", 99999, 1) + b"\x02" + sized(b"k") + sized(b"v")), tools.FAILURE, "kind"),
    ("CURRENT without a MANIFEST", add_file("CURRENT", b"MANIFEST\n"), tools.FAILURE, "CURRENT"),
]


def refuses(what):
    """In one database; the other one is as it was."""
    change, code, *words = next(case[1:] for case in CHANGES if case[0] == what)
    home = fresh(PEBBLE)
    change(homes.database(home, "blockstore"))
    for args in (["prune", "--retain-height", "150", "-q"], ["prune-and-compact", "-b", "100", "-q"], ["compact", "-q"]):
        expect_refusal(home, args, code, *words)
    expect_refusal(home, ["info"], code, *words)
    WORK.discard(home)


def refuses_by_engine(what):
    change, code, *words = next(case[1:] for case in CHANGES if case[0] == what)
    home = fresh(PEBBLE)
    change(homes.database(home, "blockstore"))
    expect_refusal(home, ["prune-and-compact", "--retain-height", "150", "-q", "--method", "engine"], code, *words)
    WORK.discard(home)


def prunes_range_deletions_in_a_log():
    """Readable, but the edit cannot fold such a log: the engine does it instead."""
    home = fresh(PEBBLE)
    add_batch(struct.pack("<QI", 99999, 1) + b"\x0f" + sized(b"P:10:") + sized(b"P:10;"))(homes.database(home, "blockstore"))
    seen = ldb.pairs(homes.database(home, "blockstore"))
    expect(b"P:11:0" in seen and b"P:10:0" not in seen, "the deletion is not seen by the tests themselves")
    keys = {bytes.fromhex(line.split()[0].decode()) for line in tools.dump(home, "blockstore").splitlines()}
    expect_equal(keys, set(seen), "keys of the dump")
    for args in (["prune", "--retain-height", "150", "-q"], ["compact", "-q"]):
        expect_refusal(home, [*args, "--method", "edit"], tools.REFUSED, "range deletions")
    plan = tools.run("plan", home, "--retain-height", 150, "-o", "json").expect_code(tools.OK).json()
    expect_equal(plan["method"], "engine", "method of the plan")
    report = tools.change("prune", home, "--no-sweep", "--retain-height", 150).expect_code(tools.OK).json()
    expect_equal((report["method"], report["base"]), ("engine", 150), "the report")
    wanted = homes.golden_lines(PEBBLE, "retain-150", "blockstore")
    got = tools.dump(home, "blockstore")
    expect(got == wanted, homes.differences(got, wanted))
    WORK.discard(home)


def stops_without_a_change():
    """A stop leaves the databases as they were; so does a clone that cannot be made."""
    home = fresh(PEBBLE)
    before = homes.fingerprint(os.path.join(home, "data"))
    blocked = os.path.join(home, "data", "cmtstore")
    with open(blocked, "w", encoding="ascii"):
        pass
    done = tools.change("prune", home, "--retain-height", 150, "--method", "engine").expect_code(tools.FAILURE)
    expect("cmtstore" in done.err, f"no reason in {done.err!r}")
    os.unlink(blocked)
    expect_equal(homes.fingerprint(os.path.join(home, "data")), before, "files after a run that could not clone")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    WORK.fixture(PEBBLE)
    tally = Tally()
    tally.run("refuses what is not CometBFT's pebble", refuses, [(case[0],) for case in CHANGES])
    tally.run("refuses it by the engine too", refuses_by_engine, [(case[0],) for case in CHANGES])
    tally.run("prunes over range deletions in a log", prunes_range_deletions_in_a_log, [()])
    tally.run("leaves all as it was when it cannot clone", stops_without_a_change, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
