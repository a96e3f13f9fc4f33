/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes, block ids and times as messages show them.
 */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* CometBFT shows so much of the hash of a part set. */
#define FINGERPRINT 6

static size_t put_hex(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
    return 2 * size;
}

static size_t bounded(const cmt_hash *hash, size_t most)
{
    return hash->size < most ? hash->size : most;
}

const char *cmt_blockexec_hex(const cmt_hash *hash, cmt_text *out)
{
    put_hex(hash->bytes, bounded(hash, sizeof hash->bytes), out->text);
    return out->text;
}

const char *cmt_blockexec_id(const cmt_block_id *id, cmt_text *out)
{
    size_t at = put_hex(id->hash.bytes, bounded(&id->hash, sizeof id->hash.bytes), out->text);
    at += (size_t)snprintf(out->text + at, 16, ":%" PRIu32 ":", id->part_total);
    put_hex(id->part_hash.bytes, bounded(&id->part_hash, FINGERPRINT), out->text + at);
    return out->text;
}

const char *cmt_blockexec_time(cmt_time time, cmt_text *out)
{
    struct tm tm;
    time_t seconds = time.seconds;
    if (gmtime_r(&seconds, &tm) == NULL) {
        snprintf(out->text, sizeof out->text, "%" PRId64 "s", time.seconds);
        return out->text;
    }
    size_t at = strftime(out->text, sizeof out->text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out->text + at, sizeof out->text - at, ".%09" PRId32 "Z", time.nanos);
    return out->text;
}
