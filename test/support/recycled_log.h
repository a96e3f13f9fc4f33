/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing pebble's write-ahead logs, for tests: chunks {masked CRC-32C, length, type 5 to 8, number of the log;
 * data}, blocks filled up with zeros.
 */
#ifndef CMT_TEST_RECYCLED_LOG_H
#define CMT_TEST_RECYCLED_LOG_H

#include <string.h>

#include "crc32c.h"
#include "format.h"

#define RECYCLED_HEADER ((size_t)11)

/** Append one chunk; @p type is 5 whole, 6 first, 7 middle, 8 last. */
static inline cmt_status recycled_chunk(cmt_buf *log, uint32_t number, uint8_t type, cmt_slice data)
{
    uint8_t header[RECYCLED_HEADER];
    header[4] = (uint8_t)data.size;
    header[5] = (uint8_t)(data.size >> 8);
    header[6] = type;
    cmt_store32(header + 7, number);
    uint32_t crc = cmt_crc32c(cmt_crc32c(0, header + 6, 5), data.data, data.size);
    cmt_store32(header, cmt_crc32c_mask(crc));
    CMT_TRY(cmt_buf_append(log, header, sizeof header));
    return cmt_buf_append(log, data.data, data.size);
}

/** Append one record, cut into chunks where blocks end. */
static inline cmt_status recycled_append(cmt_buf *log, uint32_t number, cmt_slice record)
{
    static const uint8_t zeros[RECYCLED_HEADER];
    for (bool first = true, last = false; !last; first = false) {
        size_t left = CMT_LSM_LOG_BLOCK - log->size % CMT_LSM_LOG_BLOCK;
        if (left < RECYCLED_HEADER) {
            CMT_TRY(cmt_buf_append(log, zeros, left));
            left = CMT_LSM_LOG_BLOCK;
        }
        size_t n = record.size < left - RECYCLED_HEADER ? record.size : left - RECYCLED_HEADER;
        last = n == record.size;
        uint8_t type = first ? (last ? 5 : 6) : last ? 8 : 7;
        CMT_TRY(recycled_chunk(log, number, type, (cmt_slice){record.data, n}));
        record = (cmt_slice){record.data + n, record.size - n};
    }
    return CMT_OK;
}

/** The chunk with which pebble ends a log that it closes. */
static inline cmt_status recycled_end(cmt_buf *log, uint32_t number)
{
    uint8_t trailer[RECYCLED_HEADER] = {0, 0, 0, 0, 0, 0, 5};
    cmt_store32(trailer + 7, number + 1);
    return cmt_buf_append(log, trailer, sizeof trailer);
}

#endif
