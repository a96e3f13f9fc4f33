# SPDX-License-Identifier: Apache-2.0
"""Validator and parameter records of the state store: full ones, and pointers to the height that has
what they leave out."""

from support.ldb import varint

VALIDATORS, PARAMS = b"validatorsKey:", b"consensusParamsKey:"
CHECKPOINT = 100000


def key(family, height):
    return b"%s%d" % (family, height)


def parse(value):
    """(is full, height of the last change) of a ValidatorsInfo or ConsensusParamsInfo."""
    full, last_changed, at = False, 0, 0
    while at < len(value):
        tag, at = varint(value, at)
        number, at = varint(value, at)
        if tag == 0x0A:
            full = number > 0
            at += number
        elif tag == 0x10:
            last_changed = number
    return full, last_changed


def pointer(family, last_changed):
    """A record that is not full, as CometBFT encodes it."""
    out = b"\x10" if family == VALIDATORS else b"\x0a\x00\x10"
    while last_changed > 0x7F:
        out += bytes([last_changed & 0x7F | 0x80])
        last_changed >>= 7
    return out + bytes([last_changed])


def records(pairs, family):
    """{height: (is full, last change)} of all records of a family among the pairs of a state store."""
    return {int(k[len(family) :]): parse(v) for k, v in pairs.items() if k.startswith(family)}


def target(height, last_changed):
    """Where CometBFT looks for the set that a validator pointer at `height` means."""
    return max(height - height % CHECKPOINT, last_changed)


def needed(pairs):
    """The keys of all validator records that a kept pointer leads to."""
    found = records(pairs, VALIDATORS).items()
    return {key(VALIDATORS, target(height, last)) for height, (full, last) in found if not full}
