# SPDX-License-Identifier: Apache-2.0
"""A small, independent reader of LevelDB's and pebble's directories: MANIFEST, write-ahead logs, tables.

It shares no code with the program under test and none with an engine, so it can say of a directory
what an engine would hide: tombstones, keys with several versions, files that nothing refers to.
"""

import functools
import os
import re
import struct
from collections import namedtuple

BLOCK = 32768
TABLE_MAGIC = 0xDB4775248B80FB57
PEBBLE_MAGIC = 0x88E241B785F4CFF7
COMPARATOR = b"leveldb.BytewiseComparator"

Table = namedtuple("Table", "number size smallest largest seqs")  # seqs: pebble, (lowest, highest)
Entry = namedtuple("Entry", "key seq kind value")  # kind: 1 put, 0 delete, 15 delete up to value (pebble)
RANGE_DELETE = 15


class Damaged(Exception):
    pass


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 * (n & 1)
        table.append(n)
    return table


_CRC = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _sized(data, at):
    size, at = varint(data, at)
    if at + size > len(data):
        raise Damaged("length runs over the end")
    return data[at : at + size], at + size


@functools.lru_cache(maxsize=4096)  # cases look at the same tables again and again
def snappy(data):
    """Undo snappy's compression of one block."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(data[at : at + extra], "little")
                at += extra
            out += data[at : at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length = (tag >> 2 & 7) + 4
            offset = (tag >> 5) << 8 | data[at]
            at += 1
        else:
            length = (tag >> 2) + 1
            width = 2 if tag & 3 == 2 else 4
            offset = int.from_bytes(data[at : at + width], "little")
            at += width
        if not 0 < offset <= len(out):
            raise Damaged("snappy copy from before the start")
        chunk = bytes(out[-offset : len(out) - offset + length])
        out += (chunk * (length // len(chunk) + 1))[:length]
    if len(out) != size:
        raise Damaged("snappy block has another size than it says")
    return bytes(out)


def log_records(data, number=None):
    """The records of a log file and whether it ends in a torn one.  With its number: a log of pebble's."""
    records, partial, at = [], None, 0
    while at < len(data):
        left = BLOCK - at % BLOCK
        head = data[at : at + min(left, 11)]
        if left < 7 or (number is not None and left < 11 and not any(head)):
            at += left
            continue
        crc, size, kind = struct.unpack_from("<IHB", head.ljust(7, b"\0"))
        header = 7
        if number is not None and 5 <= kind <= 8:
            header = 11
            if head[7:] != struct.pack("<I", number):
                return records, partial is not None
        body = data[at + header : at + header + size]
        covered = data[at + 6 : at + header] + body
        if kind == 0 or size > left - header or len(body) < size or crc != masked_crc32c(covered):
            return records, True
        at += header + size
        kind -= 4 if header == 11 else 0
        if kind == 1:
            records.append(body)
        elif kind == 2:
            partial = body
        elif partial is None:
            return records, True
        else:
            partial += body
            if kind == 4:
                records.append(partial)
                partial = None
    return records, partial is not None


def _custom(edit, at, rocksdb):
    """Pass over what pebble or RocksDB says of a table besides: that it shall be compacted, when it was made."""
    while True:
        tag, at = varint(edit, at)
        if tag == 1:
            return at
        if tag not in (2, 6) and not (rocksdb and 2 < tag < 64 and tag != 4):
            raise Damaged(f"attribute {tag} of a table")
        _, at = _sized(edit, at)


def _bytes_of(directory, name):
    with open(os.path.join(directory, name), "rb") as f:
        return f.read()


class Version:
    """What the MANIFEST that CURRENT names says."""

    def __init__(self, directory):
        self.directory = directory
        with open(os.path.join(directory, "CURRENT"), "rb") as f:
            current = f.read()
        if not re.fullmatch(rb"MANIFEST-\d+\n", current):
            raise Damaged(f"CURRENT holds {current!r}")
        self.manifest = current.decode().strip()
        options = sorted(name for name in os.listdir(directory) if name.startswith("OPTIONS-"))
        self.rocksdb = bool(options) and b"rocksdb_version" in _bytes_of(directory, options[-1])
        self.pebble = bool(options) and not self.rocksdb
        self.sequenced = bool(options)
        self.log_number = self.previous_log = self.next_file = self.last_seq = 0
        self.levels = {}
        with open(os.path.join(directory, self.manifest), "rb") as f:
            records, self.torn = log_records(f.read())
        for record in records:
            self._apply(record)

    def _apply(self, edit):
        at = 0
        while at < len(edit):
            tag, at = varint(edit, at)
            if tag == 1:
                name, at = _sized(edit, at)
                if name != COMPARATOR:
                    raise Damaged(f"comparator {name!r}")
            elif tag in (2, 3, 4, 9) or (self.rocksdb and tag in (10, 200, 203)):
                value, at = varint(edit, at)
                if tag <= 9:
                    setattr(self, {2: "log_number", 3: "next_file", 4: "last_seq", 9: "previous_log"}[tag], value)
            elif self.rocksdb and tag > 8192:
                _, at = _sized(edit, at)
            elif tag == 5:
                _, at = varint(edit, at)
                _, at = _sized(edit, at)
            elif tag == 6:
                level, at = varint(edit, at)
                number, at = varint(edit, at)
                del self.levels[level][number]
            elif tag == (100 if self.sequenced else 7) or (self.sequenced and tag == 103):
                level, at = varint(edit, at)
                number, at = varint(edit, at)
                size, at = varint(edit, at)
                smallest, at = _sized(edit, at)
                largest, at = _sized(edit, at)
                seqs = None
                if self.sequenced:
                    low, at = varint(edit, at)
                    high, at = varint(edit, at)
                    seqs = (low, high)
                    at = _custom(edit, at, self.rocksdb) if tag == 103 else at
                self.levels.setdefault(level, {})[number] = Table(number, size, smallest, largest, seqs)
            else:
                raise Damaged(f"MANIFEST tag {tag}")

    def tables(self):
        for level in sorted(self.levels):
            for number in sorted(self.levels[level]):
                yield level, self.levels[level][number]

    def table_path(self, number):
        path = os.path.join(self.directory, f"{number:06d}.ldb")
        return path if os.path.exists(path) else path[:-4] + ".sst"

    def journals(self):
        """The live write-ahead logs, oldest first."""
        numbers = sorted(
            int(name[:-4]) for name in os.listdir(self.directory) if re.fullmatch(r"\d+\.log", name)
        )
        return [n for n in numbers if n >= self.log_number or n == self.previous_log]


def _block(data, at, size):
    raw, kind = data[at : at + size], data[at + size]
    if kind == 0:
        return raw
    if kind == 1:
        return snappy(raw)
    raise Damaged(f"block compression {kind}")


def _block_entries(block):
    restarts = struct.unpack_from("<I", block, len(block) - 4)[0]
    end = len(block) - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        unshared, at = varint(block, at)
        size, at = varint(block, at)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + size]
        at += size


def _split(internal_key):
    trailer = struct.unpack_from("<Q", internal_key, len(internal_key) - 8)[0]
    return internal_key[:-8], trailer >> 8, trailer & 0xFF


def order(internal_key):
    """Sorts internal keys as LevelDB does: user key up, then sequence and kind down."""
    trailer = struct.unpack_from("<Q", internal_key, len(internal_key) - 8)[0]
    return internal_key[:-8], -trailer


def _handle(data, at=0):
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _blocks_of_index(data, handle):
    for _, value in _block_entries(_block(data, *handle)):
        yield _handle(value)[0]


def meta_blocks(data):
    """The blocks beside the data of a table of pebble's: {name: {key: value}}."""
    return {
        name: dict(_block_entries(_block(data, *_handle(value)[0])))
        for name, value in _block_entries(_block(data, *_handle(data, len(data) - 52)[0]))
    }


def _read_table(path):
    with open(path, "rb") as f:
        data = f.read()
    magic = struct.unpack_from("<Q", data, len(data) - 8)[0] if len(data) >= 53 else 0
    if magic not in (TABLE_MAGIC, PEBBLE_MAGIC):
        raise Damaged(f"{path}: no table")
    if magic == PEBBLE_MAGIC and (data[-53], struct.unpack_from("<I", data, len(data) - 12)[0]) != (1, 2):
        raise Damaged(f"{path}: checksum kind or format")
    return data, magic == PEBBLE_MAGIC


def in_format_2(path):
    """Is a table one that pebble or cmtstore writes?"""
    with open(path, "rb") as f:
        tail = f.read()[-53:]
    return (tail[0], struct.unpack_from("<I", tail, 41)[0]) == (1, 2)


def table_keys(path):
    """(internal key, value) of every entry of a table, in stored order."""
    data, pebble = _read_table(path)
    _, at = _handle(data, len(data) - (52 if pebble else 48))
    blocks = list(_blocks_of_index(data, _handle(data, at)[0]))
    if pebble and meta_blocks(data)[b"rocksdb.properties"][b"rocksdb.block.based.table.index.type"][0] == 2:
        blocks = [block for part in blocks for block in _blocks_of_index(data, part)]
    for block in blocks:
        yield from _block_entries(_block(data, *block))


def range_deletes(path):
    """The range deletions of a table, as entries."""
    data, pebble = _read_table(path)
    blocks = meta_blocks(data) if pebble else {}
    found = blocks.get(b"rocksdb.range_del2") or blocks.get(b"rocksdb.range_del", {})  # RocksDB writes only the latter
    return [Entry(*_split(key), value) for key, value in found.items()]


def journal_entries(path, pebble=False):
    with open(path, "rb") as f:
        records, _ = log_records(f.read(), int(os.path.basename(path)[:-4]) if pebble else None)
    for record in records:
        seq, count = struct.unpack_from("<QI", record)
        at, n = 12, 0
        while n < count:
            kind = record[at]
            key, at = _sized(record, at + 1)
            value = b""
            if kind in (1, RANGE_DELETE):
                value, at = _sized(record, at)
            if kind == 3 and pebble:  # a comment
                continue
            yield Entry(key, seq + n, kind, value)
            n += 1


def entries(version):
    """Every entry of tables and live logs, visible or not."""
    for _, table in version.tables():
        for internal_key, value in table_keys(version.table_path(table.number)):
            yield Entry(*_split(internal_key), value)
        yield from range_deletes(version.table_path(table.number))
    for number in version.journals():
        yield from journal_entries(os.path.join(version.directory, f"{number:06d}.log"), version.pebble)


def pairs(directory):
    """What a reader sees: {key: value}."""
    newest, gone = {}, []
    for entry in entries(Version(directory)):
        if entry.kind == RANGE_DELETE:
            gone.append(entry)
            continue
        seen = newest.get(entry.key)
        if seen is None or entry.seq > seen.seq:
            newest[entry.key] = entry
    return {
        key: entry.value
        for key, entry in newest.items()
        if entry.kind == 1 and not any(d.key <= key < d.value and d.seq > entry.seq for d in gone)
    }


def dead_weight(directory):
    """(tombstones, entries that a newer one hides): what a compaction should leave at 0, 0."""
    tombstones, total, keys = 0, 0, set()
    for entry in entries(Version(directory)):
        tombstones += entry.kind == 0
        total += 1
        keys.add(entry.key)
    return tombstones, total - len(keys)


def has_range_deletes(directory):
    return any(entry.kind == RANGE_DELETE for entry in entries(Version(directory)))


def stray_files(directory):
    """Files that nothing refers to."""
    version = Version(directory)
    known = {"CURRENT", "CURRENT.bak", "LOCK", "LOG", "LOG.old", version.manifest}
    known.update(name for name in os.listdir(directory) if version.sequenced and name.startswith("OPTIONS-"))
    known.update(name for name in os.listdir(directory) if version.rocksdb and re.match(r"IDENTITY$|LOG\.old\.", name))
    known.update(os.path.basename(version.table_path(table.number)) for _, table in version.tables())
    known.update(f"{number:06d}.log" for number in version.journals())
    return sorted(set(os.listdir(directory)) - known)


def structure_problems(directory):
    """What is wrong with the tree, as a list of sentences; reads the tables' keys."""
    version = Version(directory)
    problems = ["the MANIFEST ends in a torn record"] if version.torn else []
    if len(version.levels.get(0, {})) >= 4 and not version.pebble:  # pebble's lie side by side
        problems.append(f"{len(version.levels[0])} tables on level 0")
    # pebble raises its counter above its MANIFEST's number by itself, and so need not say it.
    own = [] if version.pebble else [int(version.manifest[9:])]
    highest = max(own + [table.number for _, table in version.tables()], default=0)
    if version.next_file <= highest:
        problems.append(f"next file number {version.next_file}, but {highest} is in use")
    for level, table in version.tables():
        problems += [f"table {table.number} of level {level}: {p}" for p in _table_problems(version, table)]
    for level, tables in version.levels.items():
        ordered = sorted(tables.values(), key=lambda table: order(table.smallest))
        for left, right in zip(ordered, ordered[1:]):
            if level > 0 and left.largest[:-8] >= right.smallest[:-8]:
                problems.append(f"tables {left.number} and {right.number} of level {level} overlap")
    return problems


def _table_problems(version, table):
    path = version.table_path(table.number)
    if not os.path.exists(path):
        return ["missing"]
    if os.path.getsize(path) != table.size:
        return [f"{os.path.getsize(path)} bytes, the MANIFEST says {table.size}"]
    if version.rocksdb and not in_format_2(path):  # RocksDB's own, which stays as it was
        return []
    keys = [key for key, _ in table_keys(path)]
    problems = []
    if range_deletes(path):  # an engine's: they count for the bounds
        return []
    if not keys:
        return ["empty"]
    seqs = [_split(key)[1] for key in keys]
    if table.seqs not in (None, (min(seqs), max(seqs))):
        problems.append(f"sequences {min(seqs)} to {max(seqs)}, the MANIFEST says {table.seqs}")
    if version.sequenced:
        problems += _property_problems(path)
    if (keys[0], keys[-1]) != (table.smallest, table.largest):
        problems.append("first or last key is not what the MANIFEST says")
    if any(order(a) >= order(b) for a, b in zip(keys, keys[1:])):
        problems.append("keys out of order")
    if max(_split(key)[1] for key in keys) > version.last_seq:
        problems.append("an entry is newer than the MANIFEST's last sequence")
    return problems


def _property_problems(path):
    """What pebble believes of a table is true of it."""
    data, _ = _read_table(path)
    stored = meta_blocks(data)[b"rocksdb.properties"]
    keys = list(table_keys(path))
    true = {
        b"rocksdb.num.entries": len(keys),
        b"rocksdb.deleted.keys": sum(_split(key)[2] == 0 for key, _ in keys),
        b"rocksdb.raw.key.size": sum(len(key) for key, _ in keys),
        b"rocksdb.raw.value.size": sum(len(value) for _, value in keys),
    }
    told = {name: varint(stored[name], 0)[0] for name in true}
    return [f"{name.decode()} is {true[name]}, the properties say {told[name]}" for name in true if true[name] != told[name]]
