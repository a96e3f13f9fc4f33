#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What cmtstore must not touch: other engines, damage, formats of the future, databases in use.

Every case compares the whole tree before and after.  Environment: CMTSTORE, CMT_TEST_JOBS (2), CMT_TEST_TMP.
"""

import fcntl
import functools
import os
import re
import shutil
import struct
import threading

from common import CHAIN, WORK, fresh
from support import homes, ldb, tools
from support.tally import Tally, expect, expect_equal

PRUNE = ["prune", "--retain-height", "300", "-q"]
WRITERS = (PRUNE, ["prune-and-compact", "-b", "100", "-q"], ["compact", "-q"])
READERS = (["info"], ["plan", "-b", "100"], ["dump", "--db", "blockstore"], ["dump", "--db", "state"])


def expect_refusal(home, args, code, *words):
    """One sentence with these words, the exit code, and not a byte changed."""
    before = homes.fingerprint(home)
    done = tools.Run([*args, "--home", home]).expect_code(code)
    expect(re.fullmatch(r"cmtstore: [^\n]+\n", done.err), f"{args}: not one sentence: {done.err!r}")
    for word in words:
        expect(word in done.err, f"{args}: no {word!r} in {done.err!r}")
    expect_equal(homes.fingerprint(home), before, f"files after {args}")
    return done


# ---- writing LevelDB's log format ------------------------------------------------------------------


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def sized(data):
    return varint(len(data)) + data


def append_record(path, data):
    """Append one record to a log file, cut into chunks as the format wants."""
    at = os.path.getsize(path)
    with open(path, "ab") as f:
        first = True
        while data or first:
            left = ldb.BLOCK - at % ldb.BLOCK
            if left < 7:
                f.write(b"\0" * left)
                at += left
                left = ldb.BLOCK
            chunk, data = data[: left - 7], data[left - 7 :]
            kind = bytes([(1 if not data else 2) if first else (4 if not data else 3)])
            f.write(struct.pack("<IH", ldb.masked_crc32c(kind + chunk), len(chunk)) + kind + chunk)
            at += 7 + len(chunk)
            first = False


def put_pair(home, name, key, value):
    """Let the newest write-ahead log end with a put, as a node would write it."""
    directory = homes.database(home, name)
    version = ldb.Version(directory)
    seq = 1 + max(entry.seq for entry in ldb.entries(version))
    path = os.path.join(directory, f"{version.journals()[-1]:06d}.log")
    append_record(path, struct.pack("<QI", seq, 1) + b"\1" + sized(key) + sized(value))
    expect_equal(ldb.pairs(directory).get(key), value, "the pair just put")


def manifest_of(home, name):
    directory = homes.database(home, name)
    return os.path.join(directory, ldb.Version(directory).manifest)


def internal(key):
    return key + struct.pack("<Q", 1 << 8 | 1)


# ---- formats we do not know ------------------------------------------------------------------------

NEW_TABLE = sized(internal(b"a")) + sized(internal(b"b"))
EDITS = [
    ("another comparator", varint(1) + sized(b"rocksdb.ReverseBytewiseComparator"), tools.REFUSED, "comparator"),
    ("an unknown field", varint(8) + varint(7), tools.REFUSED, "field 8"),
    ("a field of RocksDB", varint(103) + varint(1) + varint(2) + varint(3), tools.REFUSED, "field 103"),
    ("level 7", varint(7) + varint(7) + varint(99999) + varint(10) + NEW_TABLE, tools.REFUSED, "level 7"),
    ("level 2^40", varint(7) + varint(1 << 40) + varint(99999) + varint(10) + NEW_TABLE, tools.REFUSED, "level"),
    ("a field that is cut", varint(7) + varint(1) + varint(5), tools.FAILURE, "ends in the middle"),
    ("a table that is not there", varint(7) + varint(6) + varint(99999) + varint(10) + NEW_TABLE, tools.FAILURE, "099999", "missing"),
]


def refuses_manifest_edit(what, name, edit, code, *words):
    home = fresh()
    append_record(manifest_of(home, name), edit)
    for args in WRITERS:
        expect_refusal(home, args, code, *words)
    expect_refusal(home, ["info"], code, *words)
    WORK.discard(home)


# ---- damage ----------------------------------------------------------------------------------------


def first_table(home, name):
    version = ldb.Version(homes.database(home, name))
    return version.table_path(next(version.tables())[1].number)


def lose(path):
    os.unlink(path)


def cut(path):
    os.truncate(path, os.path.getsize(path) - 1)


def grow(path):
    with open(path, "ab") as f:
        f.write(b"\0")


def flip(offset, path):
    with open(path, "r+b") as f:
        f.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x10]))


def empty(path):
    os.truncate(path, 0)


def scribble(path):
    with open(path, "wb") as f:
        f.write(b"MANIFEST-../../x\n")


TABLE_DAMAGE = [("lose", lose, "missing"), ("cut", cut, "bytes"), ("grow", grow, "bytes"), ("flip in the footer", functools.partial(flip, -1), "magic"),
                ("flip in the index", functools.partial(flip, -60), "")]


def fails_on_a_damaged_table(what, damage, word, name):
    home = fresh()
    path = first_table(home, name)
    damage(path)
    for args in (*WRITERS, ["info"], ["dump", "--db", name]):
        expect_refusal(home, args, tools.FAILURE, os.path.basename(path)[:6], word)
    WORK.discard(home)


def fails_on_a_flipped_byte_that_is_read(name):
    """The data blocks are not looked at before they are needed, but never passed on unchecked."""
    home = fresh()
    path = first_table(home, name)
    flip(20, path)
    expect_refusal(home, ["compact"], tools.FAILURE, os.path.basename(path), "offset 0")
    done = expect_refusal(home, ["dump", "--db", name], tools.FAILURE, os.path.basename(path), "offset 0")
    golden = homes.golden_lines(CHAIN, "before", name)
    expect(golden.startswith(done.out), "what was printed before the damage was met is right")
    if name == "blockstore":  # its first block holds BH: keys, which a prune judges by their values
        expect_refusal(home, PRUNE, tools.FAILURE, os.path.basename(path), "offset 0")
    WORK.discard(home)


ROOT_DAMAGE = [
    ("CURRENT", lose, tools.REFUSED, "CURRENT"),
    ("CURRENT", empty, tools.FAILURE, "MANIFEST"),
    ("CURRENT", scribble, tools.FAILURE, "MANIFEST"),
    ("MANIFEST", lose, tools.REFUSED, "MANIFEST"),
    ("MANIFEST", empty, tools.FAILURE, "MANIFEST"),
    ("MANIFEST", functools.partial(flip, 9), tools.FAILURE, "MANIFEST"),
]


def fails_on_damaged_roots(which, damage, code, word, name):
    """Without CURRENT or MANIFEST nothing says whose files these are."""
    home = fresh()
    directory = homes.database(home, name)
    damage(os.path.join(directory, "CURRENT") if which == "CURRENT" else manifest_of(home, name))
    for args in (*WRITERS, ["info"]):
        expect_refusal(home, args, code, word)
    WORK.discard(home)


def fails_on_a_damaged_log(name):
    """In the middle it is damage; only at the very end a crash can leave a torn record."""
    home = fresh()
    directory = homes.database(home, name)
    path = os.path.join(directory, f"{ldb.Version(directory).journals()[-1]:06d}.log")
    flip(100, path)
    for args in (*WRITERS, ["info"], ["dump", "--db", name]):
        expect_refusal(home, args, tools.FAILURE, os.path.basename(path))
    WORK.discard(home)


def fails_on_bad_records(name, key, value, code, *words):
    home = fresh()
    put_pair(home, name, key, value)
    for args in (PRUNE, ["plan", "--retain-height", "300"]):
        expect_refusal(home, args, code, *words)
    WORK.discard(home)


BAD_RECORDS = [
    ("blockstore", b"blockStore", b"\xff\xff\xff", tools.FAILURE, "blockStore"),
    ("blockstore", b"blockStore", b"", tools.REFUSED, ""),
    ("blockstore", b"blockStore", b"\x08\x90\x03\x10\x01", tools.FAILURE, ""),  # base 400, height 1
    ("state", b"stateKey", b"\xff\xff\xff", tools.FAILURE, "state"),
    ("blockstore", b"H:300", b"\xff", tools.FAILURE, "300"),
]


def refuses_stores_of_different_heights():
    home, other = fresh(), fresh("digits-0.38")
    shutil.rmtree(homes.database(home, "state"))
    shutil.move(homes.database(other, "state"), homes.database(home, "state"))
    for args in (PRUNE, ["plan", "--retain-height", "300"]):
        expect_refusal(home, args, tools.REFUSED, "600", "10149", "do not belong together")
    WORK.discard(home)
    WORK.discard(other)


# ---- other engines ---------------------------------------------------------------------------------


def badger(home):
    for name in homes.DATABASES:
        shutil.rmtree(homes.database(home, name))
        directory = os.path.join(home, "data", name)
        os.makedirs(directory)
        for file in ("000001.vlog", "00001.mem", "KEYREGISTRY", "DISCARD", "MANIFEST"):
            with open(os.path.join(directory, file), "wb") as f:
                f.write(b"Bdgr" + bytes(60))


def bolt(home):
    for name in homes.DATABASES:
        shutil.rmtree(homes.database(home, name))
        with open(homes.database(home, name), "wb") as f:
            f.write(bytes(16) + bytes.fromhex("EDDA0CED") + bytes(4076))


def newer_pebble(home):
    for name in homes.DATABASES:
        open(os.path.join(homes.database(home, name), "marker.format-version.000001.016"), "wb").close()


def mixed(home):
    with open(os.path.join(homes.database(home, "state"), "OPTIONS-000005"), "w", encoding="ascii") as f:
        f.write("[Version]\n  rocksdb_version=9.1.1\n")


def only_sst(home):
    for name in homes.DATABASES:
        directory = homes.database(home, name)
        for file in os.listdir(directory):
            if file.endswith(".ldb"):
                os.rename(os.path.join(directory, file), os.path.join(directory, file[:-4] + ".sst"))


def stranger(home):
    directory = homes.database(home, "blockstore")
    for file in os.listdir(directory):
        os.unlink(os.path.join(directory, file))
    with open(os.path.join(directory, "data.mdb"), "wb") as f:
        f.write(bytes(4096))


def text_file(home):
    shutil.rmtree(homes.database(home, "state"))
    with open(homes.database(home, "state"), "w", encoding="ascii") as f:
        f.write("not a database")


IMITATIONS = [(badger, "badgerdb"), (bolt, "boltdb"), (newer_pebble, "newer than CometBFT's"), (mixed, "do not belong together"), (only_sst, ".sst"),
              (stranger, "CURRENT"), (text_file, "bolt")]


def refuses_imitation(imitate, word):
    home = fresh()
    imitate(home)
    for args in (*WRITERS, *READERS[1:]):
        expect_refusal(home, args, tools.REFUSED, word)
    before = homes.fingerprint(home)
    done = tools.Run(["info", "--home", home, "-o", "json"])
    if word.endswith("db"):
        expect_equal(done.expect_code(tools.OK).json()["engine"], word, "engine told by info")
    else:
        expect(word in done.expect_code(tools.REFUSED).err, done.err)
    expect_equal(homes.fingerprint(home), before, "files after info")
    WORK.discard(home)


def respects_a_kept_retain_height(fixture, key, who, method):
    """What a CometBFT of 1.0 and later keeps: never exceeded without --force, never changed."""
    home = fresh(fixture)
    put_pair(home, "state", key, varint(0))  # no limit
    tools.run("plan", home, "--retain-height", 310).expect_code(tools.OK)
    put_pair(home, "state", key, varint(2 * 200))  # zig-zag
    put_pair(home, "state", b"lastABCIResponsesRetainHeight", varint(2 * 150))
    expect_refusal(home, ["prune", "--retain-height", "201", "--method", method, "-q"], tools.REFUSED, who, "200", "--force")
    kept = ldb.pairs(homes.database(home, "state"))
    for retain, *force in ((200,), (300, "--force")):
        report = tools.change("prune", home, "--retain-height", retain, "--method", method, *force).expect_code(tools.OK).json()
        expect_equal(report["base"], retain, "base")
        pairs = ldb.pairs(homes.database(home, "state"))
        expect_equal(pairs[key], kept[key], "what was kept")
        expect_equal(pairs[b"lastABCIResponsesRetainHeight"], varint(2 * retain), "lastABCIResponsesRetainHeight")
    WORK.discard(home)


def fails_without(name):
    home = fresh()
    shutil.rmtree(homes.database(home, name))
    for args in (*WRITERS, *READERS):
        expect_refusal(home, args, tools.FAILURE, f"there is no {name}.db in")
    os.mkdir(homes.database(home, name))
    expect_refusal(home, PRUNE, tools.FAILURE, f"there is no {name}.db in")
    WORK.discard(home)


def refuses_a_pending_current(name):
    """goleveldb was stopped in the middle of a switch; readers see what it would see."""
    home = fresh()
    directory = homes.database(home, name)
    number = int(ldb.Version(directory).manifest[9:])
    shutil.copy(os.path.join(directory, "CURRENT"), os.path.join(directory, f"CURRENT.{number}"))
    for args in WRITERS:
        expect_refusal(home, args, tools.REFUSED, "CURRENT.")
    tools.Run(["info", "--home", home]).expect_code(tools.OK)
    WORK.discard(home)


def refuses_links_inside(file):
    home = fresh()
    path = os.path.join(homes.database(home, "state"), file)
    if file == "LOCK" and not os.path.exists(path):
        open(path, "wb").close()
    os.rename(path, os.path.join(home, "elsewhere"))
    os.symlink(os.path.join(home, "elsewhere"), path)
    before = homes.fingerprint(home)
    done = tools.Run([*PRUNE, "--home", home]).expect_code(tools.FAILURE, tools.REFUSED)
    expect(file in done.err, done.err)
    expect_equal(homes.fingerprint(home), before, "files")
    WORK.discard(home)


def follows_a_link_to_a_database():
    home = fresh()
    elsewhere = os.path.join(os.path.dirname(home), "disk", "blocks.d")
    os.makedirs(os.path.dirname(elsewhere))
    os.rename(homes.database(home, "blockstore"), elsewhere)
    os.symlink(elsewhere, homes.database(home, "blockstore"))
    tools.Run([*PRUNE, "--home", home]).expect_code(tools.OK)
    expect(os.path.islink(homes.database(home, "blockstore")), "the link is still one")
    expect(tools.dump(home, "blockstore") == homes.golden_lines(CHAIN, "retain-300", "blockstore"), "pairs of the block store")
    expect(tools.dump(home, "state") == homes.golden_lines(CHAIN, "retain-300", "state"), "pairs of the state store")
    WORK.discard(home)


# ---- in use ----------------------------------------------------------------------------------------


def waits_for_nobody(name, protocol):
    home = fresh()
    before = homes.fingerprint(home)  # not while we hold the lock: closing LOCK would give it up
    with open(os.path.join(homes.database(home, name), "LOCK"), "r+b") as lock:
        (fcntl.flock if protocol == "flock" else fcntl.lockf)(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for args in WRITERS:
            done = tools.Run([*args, "--home", home]).expect_code(tools.BUSY)
            expect(re.fullmatch(rf"cmtstore: [^\n]*{name}.db is in use[^\n]*stop it[^\n]*\n", done.err), f"it says {done.err!r}")
        for args in READERS:
            tools.Run([*args, "--home", home]).expect_code(tools.OK)
    expect_equal(homes.fingerprint(home), before, "files")
    WORK.discard(home)


def switch_manifests(directory, stop):
    """What a node does when it moves on to a new MANIFEST, again and again."""
    old = ldb.Version(directory).manifest
    number = 900000
    while not stop.is_set():
        number += 1
        new = f"MANIFEST-{number}"
        shutil.copyfile(os.path.join(directory, old), os.path.join(directory, new))
        with open(os.path.join(directory, "CURRENT.tmp"), "w", encoding="ascii") as f:
            f.write(new + "\n")
        os.rename(os.path.join(directory, "CURRENT.tmp"), os.path.join(directory, "CURRENT"))
        os.unlink(os.path.join(directory, old))
        old = new
        stop.wait(0.003)


def reads_beside_a_busy_node():
    home = fresh()
    stop = threading.Event()
    nodes = [threading.Thread(target=switch_manifests, args=(homes.database(home, n), stop)) for n in homes.DATABASES]
    for node in nodes:
        node.start()
    try:
        for _ in range(10):
            for args in READERS:
                tools.Run([*args, "--home", home]).expect_code(tools.OK)
    finally:
        stop.set()
        for node in nodes:
            node.join()
    WORK.discard(home)


def main():
    tools.require_cmtstore()
    for fixture in (CHAIN, "digits-0.38", "multi-1.0-v2"):
        WORK.fixture(fixture)
    both = homes.DATABASES
    tally = Tally()
    tally.run("refuses a MANIFEST with", refuses_manifest_edit, [(what, n, *rest) for what, *rest in EDITS for n in both])
    tally.run("fails on a damaged table", fails_on_a_damaged_table, [(*case, n) for case in TABLE_DAMAGE for n in both])
    tally.run("fails on a flipped byte that is read", fails_on_a_flipped_byte_that_is_read, both)
    tally.run("fails on damaged roots", fails_on_damaged_roots, [(*case, n) for case in ROOT_DAMAGE for n in both])
    tally.run("fails on a damaged log", fails_on_a_damaged_log, both)
    tally.run("fails on bad records", fails_on_bad_records, BAD_RECORDS)
    tally.run("refuses stores of different heights", refuses_stores_of_different_heights, [()])
    tally.run("refuses imitations", refuses_imitation, IMITATIONS)
    tally.run("respects kept retain heights", respects_a_kept_retain_height,
              [(f, k, who, m) for f, m in ((CHAIN, "edit"), ("multi-1.0-v2", "edit"), ("multi-1.0-v2", "engine"))
               for k, who in ((b"AppRetainHeightKey", "application"), (b"DCBlockRetainHeightKey", "companion"),
                              (b"ABCIResRetainHeightKey", "block results"))])
    tally.run("fails without a store", fails_without, both)
    tally.run("refuses a pending CURRENT", refuses_a_pending_current, both)
    tally.run("refuses links inside a database", refuses_links_inside, ["CURRENT", "LOCK"])
    tally.run("follows a link to a database", follows_a_link_to_a_database, [()])
    tally.run("waits for nobody", waits_for_nobody, [(n, p) for n in both for p in ("flock", "fcntl")])
    tally.run("reads beside a busy node", reads_beside_a_busy_node, [()])
    tally.finish()


if __name__ == "__main__":
    with WORK:
        main()
