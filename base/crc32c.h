/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C (Castagnoli) as LevelDB's logs and tables use it.
 */
#ifndef CMT_BASE_CRC32C_H
#define CMT_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** CRC of @p size bytes continuing from @p crc (0 to begin).  Uses the CPU's instruction where it
 *  has one. */
uint32_t cmt_crc32c(uint32_t crc, const void *data, size_t size);

/** The same without the CPU's instruction; for machines that lack it, and to test the other. */
uint32_t cmt_crc32c_portable(uint32_t crc, const void *data, size_t size);

/** LevelDB stores checksums masked, because a checksum of data that holds checksums is weak. */
static inline uint32_t cmt_crc32c_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

#endif
