#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cmtstore must not touch of RocksDB's: directories declared as another engine's and the reverse, newer
versions, OPTIONS and MANIFEST files of the future.

Every case is one sentence, exit code 3, and compares the whole tree before and after.
Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import os

from common import CHAIN, WORK, fresh, write_config
from support import homes, tools
from support.tally import Tally, expect
from test_refusals import READERS, WRITERS, append_record, expect_refusal

ROCKSDB, PEBBLE = "multi-0.38-rocksdb", "multi-1.0-v1-pebble"
ALL = (*WRITERS, *READERS)


def refuses_a_wrong_declaration(fixture, engine, declared):
    """By config.toml, and by the flag that overrides it."""
    home = fresh(fixture)
    for args in ALL:
        expect_refusal(home, [*args, "--db-backend", declared], tools.REFUSED, "--db-backend says", declared, engine)
    write_config(home, f'db_backend = "{declared}"\n')
    for args in ALL:
        expect_refusal(home, args, tools.REFUSED, "config.toml says", declared, engine)
    tools.Run(["info", "--home", home, "--db-backend", engine]).expect_code(tools.OK)
    WORK.discard(home)


def newest(directory, prefix):
    return os.path.join(directory, max(f for f in os.listdir(directory) if f.startswith(prefix)))


def set_option(old, new):
    def change(directory):
        path = newest(directory, "OPTIONS-")
        with open(path, encoding="ascii") as f:
            text = f.read()
        expect(old in text, f"no {old} in OPTIONS")
        with open(path, "w", encoding="ascii") as f:
            f.write(text.replace(old, new, 1))
    return change


def add_edit(edit):
    return lambda directory: append_record(newest(directory, "MANIFEST-"), edit)


def no_options(directory):
    for file in os.listdir(directory):
        if file.startswith("OPTIONS-"):
            os.unlink(os.path.join(directory, file))


def future_options(directory):
    """A newer OPTIONS file beside those that we know."""
    with open(newest(directory, "OPTIONS-"), encoding="ascii") as f:
        text = f.read()
    with open(os.path.join(directory, "OPTIONS-000999"), "w", encoding="ascii") as f:
        f.write(text.replace("rocksdb_version=7.8.3", "rocksdb_version=11.0.0"))


VERSION = "rocksdb_version=7.8.3"
CHANGES = [
    ("a version far ahead", set_option(VERSION, "rocksdb_version=10.2.1"), "RocksDB 10.2.1"),
    ("a version without a number", set_option(VERSION, "rocksdb_version=main"), "RocksDB main"),
    ("a newer OPTIONS file", future_options, "RocksDB 11.0.0"),
    ("another table", set_option("table_factory=BlockBasedTable", "table_factory=NewTable"), "table_factory=NewTable"),
    ("another comparator", set_option("comparator=leveldb.BytewiseComparator", "comparator=x"), "comparator=x"),
    ("another engine's OPTIONS", set_option("rocksdb_version", "newdb_version"), "not known"),
    ("a MANIFEST with a field of the future", add_edit(b"\x88\x27\x01x"), "unknown tag"),
]
# What the edit reads all the same, but the engine linked here would not write.
ENGINE_ONLY = [
    ("the next major version", set_option(VERSION, "rocksdb_version=8.0.0"), "RocksDB 8.0.0"),
    ("a newer table format", set_option("format_version=5", "format_version=6"), "format_version=6"),
    ("another checksum", set_option("checksum=kXXH3", "checksum=kBlake3"), "checksum=kBlake3"),
    ("another compression", set_option("kSnappyCompression", "kNewCompression"), "compression=kNewCompression"),
]


def engine_refuses(what):
    change, *words = next(case[1:] for case in ENGINE_ONLY if case[0] == what)
    home = fresh(ROCKSDB)
    change(homes.database(home, "blockstore"))
    for args in (*WRITERS, ["plan", "-b", "100"]):
        expect_refusal(home, [*args, "--method", "engine"], tools.REFUSED, *words)
    WORK.discard(home)


def refuses(what):
    """In one database; the other one is as it was."""
    change, *words = next(case[1:] for case in CHANGES if case[0] == what)
    home = fresh(ROCKSDB)
    change(homes.database(home, "blockstore"))
    for args in (*WRITERS, ["plan", "-b", "100"], ["dump", "--db", "blockstore"], ["info"]):
        expect_refusal(home, args, tools.REFUSED, *words)
    WORK.discard(home)


def only_reads_without_options():
    home = fresh(ROCKSDB)
    no_options(homes.database(home, "blockstore"))
    before = homes.fingerprint(home)
    for args in READERS:
        tools.Run([*args, "--home", home]).expect_code(tools.OK)
    expect(homes.fingerprint(home) == before, "files after reading")
    for args in WRITERS:
        expect_refusal(home, args, tools.REFUSED, "no OPTIONS file")
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    for fixture in (CHAIN, ROCKSDB, PEBBLE):
        WORK.fixture(fixture)
    tally = Tally()
    tally.run("refuses a wrong declaration", refuses_a_wrong_declaration,
              [(ROCKSDB, "rocksdb", "goleveldb"), (ROCKSDB, "rocksdb", "cleveldb"), (ROCKSDB, "rocksdb", "pebbledb"),
               (CHAIN, "goleveldb", "rocksdb"), (PEBBLE, "pebbledb", "rocksdb"), (PEBBLE, "pebbledb", "goleveldb")])
    tally.run("refuses a RocksDB with", refuses, [(case[0],) for case in CHANGES])
    tally.run("the engine refuses a RocksDB with", engine_refuses, [(case[0],) for case in ENGINE_ONLY])
    tally.run("only reads without an OPTIONS file", only_reads_without_options, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
