/* SPDX-License-Identifier: Apache-2.0
 *
 * dump: every pair of one database in key order, and a digest over all of them.
 */
#include "commands.h"
#include "json.h"
#include "report.h"
#include "signals.h"
#include "snapshot.h"

#include <openssl/evp.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_SIZE 32
#define OUTPUT_BUFFER ((size_t)1 << 20)

typedef struct dumping {
    const cmd_context *context;
    cmt_db *db;
    cmt_db_iter *iter;
    cmt_status first; /* what moving to the first pair returned */
    EVP_MD_CTX *of_value;
    EVP_MD_CTX
    *of_all; /* over key length (u32 big-endian), key, SHA-256 of the value of each pair */
    cmt_buf line;
    uint64_t pairs;
} dumping;

static void close_dumping(dumping *d)
{
    cmt_db_iter_free(d->iter);
    cmt_db_close(d->db);
    EVP_MD_CTX_free(d->of_value);
    EVP_MD_CTX_free(d->of_all);
    cmt_buf_free(&d->line);
}

/* Opens a fresh snapshot and finds its first pair: nothing can be stale after that, every table is
 * held open. */
static cmt_status open_first(void *context, cmt_error *err)
{
    dumping *d = context;
    const cmd_target *target = d->context->target;
    bool state = strcmp(d->context->options->database, "state") == 0;
    cmt_db_iter_free(d->iter);
    d->iter = NULL;
    cmt_db_close(d->db);
    d->db = NULL;
    CMT_TRY(cmd_target_open(target, state ? target->state : target->blockstore, &d->db, err));
    CMT_TRY(cmt_db_iter_new(d->db, NULL, &d->iter, err));
    d->first = cmt_db_iter_first(d->iter, err);
    return d->first == CMT_NOT_FOUND ? CMT_OK : d->first;
}

static cmt_status append_hex(cmt_buf *line, cmt_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    CMT_TRY(cmt_buf_reserve(line, 2 * bytes.size));
    uint8_t *p = line->data + line->size;
    for (size_t i = 0; i < bytes.size; i++) {
        *p++ = (uint8_t)digits[bytes.data[i] >> 4];
        *p++ = (uint8_t)digits[bytes.data[i] & 15];
    }
    line->size += 2 * bytes.size;
    return CMT_OK;
}

/* Makes the line of one pair. */
static cmt_status format_pair(dumping *d, cmt_slice key, cmt_slice value, cmt_slice digest)
{
    cmt_buf_clear(&d->line);
    CMT_TRY(append_hex(&d->line, key));
    if (d->context->options->values) {
        CMT_TRY(cmt_buf_append(&d->line, " ", 1));
        CMT_TRY(append_hex(&d->line, value));
    } else {
        char size[32];
        int n = snprintf(size, sizeof size, " %zu ", value.size);
        CMT_TRY(cmt_buf_append(&d->line, size, (size_t)n));
        CMT_TRY(append_hex(&d->line, digest));
    }
    return cmt_buf_append(&d->line, "\n", 1);
}

static bool digest_pair(dumping *d, cmt_slice key, cmt_slice value, uint8_t digest[DIGEST_SIZE])
{
    uint8_t size[4] = {(uint8_t)(key.size >> 24), (uint8_t)(key.size >> 16),
                       (uint8_t)(key.size >> 8), (uint8_t)key.size};
    return EVP_DigestInit_ex(d->of_value, NULL, NULL) == 1 &&
           EVP_DigestUpdate(d->of_value, value.data, value.size) == 1 &&
           EVP_DigestFinal_ex(d->of_value, digest, NULL) == 1 &&
           EVP_DigestUpdate(d->of_all, size, sizeof size) == 1 &&
           EVP_DigestUpdate(d->of_all, key.data, key.size) == 1 &&
           EVP_DigestUpdate(d->of_all, digest, DIGEST_SIZE) == 1;
}

static cmt_status dump_pair(dumping *d, cmt_error *err)
{
    cmt_slice key = cmt_db_iter_key(d->iter);
    cmt_slice value = cmt_db_iter_value(d->iter);
    uint8_t digest[DIGEST_SIZE];
    if (!digest_pair(d, key, value, digest))
        return cmt_error_set(err, CMT_IO, "SHA-256 failed in libcrypto");
    d->pairs++;
    if (cmd_signals_stop_requested())
        return CMT_CANCELLED;
    if (d->context->options->json)
        return CMT_OK;
    if (format_pair(d, key, value, (cmt_slice){digest, sizeof digest}) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a line of %zu bytes", value.size);
    if (fwrite(d->line.data, 1, d->line.size, stdout) != d->line.size)
        return cmd_report_fail(errno, err);
    return CMT_OK;
}

static cmt_status dump_all(dumping *d, cmt_error *err)
{
    d->of_value = EVP_MD_CTX_new();
    d->of_all = EVP_MD_CTX_new();
    if (d->of_value == NULL || d->of_all == NULL ||
        EVP_DigestInit_ex(d->of_value, EVP_sha256(), NULL) != 1 ||
        EVP_DigestInit_ex(d->of_all, EVP_sha256(), NULL) != 1)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for SHA-256");
    cmt_status status = d->first;
    for (; status == CMT_OK; status = cmt_db_iter_next(d->iter, err))
        CMT_TRY(dump_pair(d, err));
    if (status != CMT_NOT_FOUND)
        return status;
    return cmd_report_flush(err);
}

static cmt_status summarise(const dumping *d, cmt_error *err)
{
    uint8_t digest[DIGEST_SIZE];
    char text[2 * DIGEST_SIZE + 1];
    if (EVP_DigestFinal_ex(d->of_all, digest, NULL) != 1)
        return cmt_error_set(err, CMT_IO, "SHA-256 failed in libcrypto");
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    const char *name = d->context->options->database;
    if (d->context->options->json) {
        json_t *object = cmd_json_object();
        cmd_json_put_text(object, "database", name);
        cmd_json_put_count(object, "pairs", d->pairs);
        cmd_json_put_text(object, "digest", text);
        return cmd_report_json(object, err);
    }
    fprintf(stderr, "%s pairs=%" PRIu64 " digest=%s\n", name, d->pairs, text);
    return CMT_OK;
}

cmt_status cmd_run_dump(const cmd_context *context, cmt_error *err)
{
    dumping d = {.context = context, .first = CMT_NOT_FOUND, .line = CMT_BUF_INIT};
    CMT_TRY(cmd_target_require_readable(context->target, err));
    setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
    cmt_status status = cmd_snapshot_retry(open_first, &d, err);
    if (status == CMT_OK)
        status = dump_all(&d, err);
    if (status == CMT_OK)
        status = summarise(&d, err);
    close_dumping(&d);
    return status;
}
