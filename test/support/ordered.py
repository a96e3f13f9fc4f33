# SPDX-License-Identifier: Apache-2.0
"""Keys of layout v2 (ordered tuples) as keys of layout v1, and back."""

FAMILIES = (b"H:", b"P:", b"C:", b"SC:", b"EC:", b"BH:", b"validatorsKey:", b"consensusParamsKey:", b"abciResponsesKey:")


def _number(data, at):
    """The number at `at`, and where it ends: one-bits tell how many bytes it takes."""
    bits = "".join(f"{byte:08b}" for byte in data[at : at + 10])
    length = len(bits) - len(bits.lstrip("1"))
    return int(bits[length : 8 * length], 2), at + length


def _written(x):
    length = x.bit_length() // 7 + 1
    return (((1 << length) - 1 << 7 * length) | x).to_bytes(length, "big")


def to_v1(key):
    """A key without a height stays as it is, and so does one of layout v1."""
    if not key or not 0x80 <= key[0] <= 0x88:
        return key
    family = FAMILIES[key[0] - 0x80]
    if family == b"BH:":
        plain = key[1:-2].replace(b"\x00\xff", b"\x00").replace(b"\xff\x00", b"\xff")
        return family + plain.hex().encode()
    height, at = _number(key, 1)
    if family != b"P:":
        return b"%s%d" % (family, height)
    index, _ = _number(key, at)
    return b"P:%d:%d" % (height, index)


def to_v2(key):
    """Of a key of layout v1 with a height; the hash index is not needed."""
    for number, family in enumerate(FAMILIES):
        if key.startswith(family) and family != b"BH:":
            return bytes([0x80 + number]) + b"".join(_written(int(part)) for part in key[len(family) :].split(b":"))
    return key


def pairs_in_v1(pairs):
    return {to_v1(key): value for key, value in pairs.items()}


def is_v2(pairs):
    return pairs.get(b"version") == b"v2"
