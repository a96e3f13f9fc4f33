/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes, block ids and times as messages show them.
 */
#ifndef CMT_BLOCKEXEC_TEXT_H
#define CMT_BLOCKEXEC_TEXT_H

#include "cmtstore/types.h"

#define CMT_HASH_TEXT_SIZE (2 * sizeof((cmt_hash *)0)->bytes + 1)

/** A text on the caller's stack. */
typedef struct cmt_text {
    char text[2 * CMT_HASH_TEXT_SIZE + 16];
} cmt_text;

/** Upper-case hex. */
const char *cmt_blockexec_hex(const cmt_hash *hash, cmt_text *out);
/** Hash, number of parts, and the beginning of their hash. */
const char *cmt_blockexec_id(const cmt_block_id *id, cmt_text *out);
/** 2024-01-02T03:04:05.678901234Z */
const char *cmt_blockexec_time(cmt_time time, cmt_text *out);

#endif
