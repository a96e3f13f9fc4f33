/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a journal; docs/disk-format.md describes them.
 */
#include <string.h>

#include "coding.h"
#include "crc32c.h"
#include "journal.h"

static const char magic[8] = "cmtcompj";
#define VERSION 1
#define HEADER_SIZE (sizeof magic + 4 + 4)
#define TRAILER_SIZE 4

void cmt_compactor__record_init(cmt_compactor__record *record)
{
    memset(record, 0, sizeof *record);
    record->next_id = 1;
}

/* ---- writing --------------------------------------------------------------------------------- */

static cmt_status put_int64(cmt_buf *out, int64_t value)
{
    uint8_t bytes[8];
    cmt_store64(bytes, (uint64_t)value);
    return cmt_buf_append(out, bytes, sizeof bytes);
}

static cmt_status put_text(cmt_buf *out, const char *text)
{
    return cmt_buf_append_bytes(out, (cmt_slice){(const uint8_t *)text, strlen(text)});
}

static cmt_status put_database(cmt_buf *out, const cmt_journal_database *d)
{
    CMT_TRY(cmt_buf_append_bytes(out, (cmt_slice){d->cookie, d->cookie_size}));
    CMT_TRY(put_int64(out, d->last_ns));
    CMT_TRY(put_int64(out, d->failed_ns));
    CMT_TRY(cmt_buf_append_varint(out, d->failures));
    CMT_TRY(cmt_buf_append_varint(out, d->counts.dead_bytes));
    CMT_TRY(cmt_buf_append_varint(out, d->counts.tombstones));
    return cmt_buf_append_varint(out, d->counts.heights);
}

static cmt_status put_job(cmt_buf *out, const cmt_job *job)
{
    CMT_TRY(cmt_buf_append_varint(out, job->id));
    const uint8_t bytes[3] = {
        (uint8_t)(job->databases[CMT_JOURNAL_STATE] | job->databases[CMT_JOURNAL_BLOCKSTORE] << 1),
        (uint8_t)job->kind, (uint8_t)job->status};
    CMT_TRY(cmt_buf_append(out, bytes, sizeof bytes));
    CMT_TRY(cmt_buf_append_varint(out, job->attempts));
    CMT_TRY(put_int64(out, job->submitted_ns));
    CMT_TRY(put_int64(out, job->started_ns));
    CMT_TRY(put_int64(out, job->ended_ns));
    CMT_TRY(put_text(out, job->label));
    CMT_TRY(put_text(out, job->trigger));
    return put_text(out, job->error);
}

static cmt_status put_ranges(cmt_buf *out, const cmt_compactor__spans *spans)
{
    CMT_TRY(cmt_buf_append_varint(out, spans->count));
    for (size_t i = 0; i < spans->count; i++) {
        CMT_TRY(cmt_buf_append_bytes(out, cmt_compactor__key_slice(&spans->at[i].lo)));
        CMT_TRY(cmt_buf_append_bytes(out, cmt_compactor__key_slice(&spans->at[i].hi)));
    }
    return CMT_OK;
}

static cmt_status put_record(cmt_buf *out, const cmt_compactor__record *r)
{
    CMT_TRY(cmt_buf_append_varint(out, r->next_id));
    for (size_t i = 0; i < CMT_JOURNAL_SIDES; i++)
        CMT_TRY(put_database(out, &r->databases[i]));
    CMT_TRY(cmt_buf_append_varint(out, r->open_count));
    for (size_t i = 0; i < r->open_count; i++) {
        CMT_TRY(put_job(out, &r->open[i].job));
        for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++)
            CMT_TRY(put_ranges(out, &r->open[i].ranges[side]));
    }
    CMT_TRY(cmt_buf_append_varint(out, r->ended_count));
    for (size_t i = 0; i < r->ended_count; i++)
        CMT_TRY(put_job(out, &r->ended[i]));
    return CMT_OK;
}

static cmt_status put_file(cmt_buf *out, const cmt_compactor__record *record)
{
    uint8_t word[8];
    cmt_buf_clear(out);
    CMT_TRY(cmt_buf_append(out, magic, sizeof magic));
    cmt_store32(word, VERSION);
    cmt_store32(word + 4, 0);
    CMT_TRY(cmt_buf_append(out, word, sizeof word));
    CMT_TRY(put_record(out, record));
    cmt_store32(out->data + sizeof magic + 4, (uint32_t)(out->size - HEADER_SIZE));
    cmt_store32(word, cmt_crc32c_mask(cmt_crc32c(0, out->data, out->size)));
    return cmt_buf_append(out, word, TRAILER_SIZE);
}

cmt_status cmt_compactor__journal_encode(const cmt_compactor__record *record, cmt_buf *out,
                                         cmt_error *err)
{
    cmt_status st = put_file(out, record);
    return st == CMT_OK ? CMT_OK : cmt_error_set(err, st, "no memory for the compaction journal");
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Bytes that are left; p is NULL once something did not fit. */
typedef struct reader {
    const uint8_t *p;
    const uint8_t *end;
} reader;

static bool fail(reader *r)
{
    r->p = NULL;
    return false;
}

/* At most `limit`. */
static bool get_number(reader *r, uint64_t limit, uint64_t *value)
{
    if (r->p != NULL)
        r->p = cmt_varint_get(r->p, r->end, value);
    return r->p != NULL && (*value <= limit || fail(r));
}

static bool get_byte(reader *r, uint8_t limit, uint8_t *value)
{
    if (r->p == NULL || r->p == r->end || *r->p > limit)
        return fail(r);
    *value = *r->p++;
    return true;
}

static bool get_int64(reader *r, int64_t *value)
{
    if (r->p == NULL || r->end - r->p < 8)
        return fail(r);
    *value = (int64_t)cmt_load64(r->p);
    r->p += 8;
    return true;
}

static bool get_bytes(reader *r, size_t limit, cmt_slice *bytes)
{
    if (r->p != NULL)
        r->p = cmt_varint_get_bytes(r->p, r->end, bytes);
    return r->p != NULL && (bytes->size <= limit || fail(r));
}

static bool get_text(reader *r, char *text, size_t size)
{
    cmt_slice bytes;
    if (!get_bytes(r, size - 1, &bytes) ||
        (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size) != NULL))
        return fail(r);
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return true;
}

static bool get_database(reader *r, cmt_journal_database *d)
{
    cmt_slice cookie;
    uint64_t failures = 0;
    if (!get_bytes(r, CMT_JOURNAL_COOKIE, &cookie) || !get_int64(r, &d->last_ns) ||
        !get_int64(r, &d->failed_ns) || !get_number(r, UINT32_MAX, &failures) ||
        !get_number(r, UINT64_MAX, &d->counts.dead_bytes) ||
        !get_number(r, UINT64_MAX, &d->counts.tombstones) ||
        !get_number(r, UINT64_MAX, &d->counts.heights))
        return false;
    if (cookie.size > 0)
        memcpy(d->cookie, cookie.data, cookie.size);
    d->cookie_size = cookie.size;
    d->failures = (uint32_t)failures;
    return true;
}

static bool get_job(reader *r, uint64_t next_id, cmt_job *job)
{
    uint8_t databases = 0;
    uint8_t kind = 0;
    uint8_t status = 0;
    uint64_t attempts = 0;
    if (!get_number(r, next_id - 1, &job->id) || !get_byte(r, 3, &databases) ||
        !get_byte(r, CMT_JOB_REWRITE, &kind) || !get_byte(r, CMT_JOB_FAILED, &status) ||
        !get_number(r, UINT32_MAX, &attempts) || !get_int64(r, &job->submitted_ns) ||
        !get_int64(r, &job->started_ns) || !get_int64(r, &job->ended_ns) ||
        !get_text(r, job->label, sizeof job->label) ||
        !get_text(r, job->trigger, sizeof job->trigger) ||
        !get_text(r, job->error, sizeof job->error))
        return false;
    job->databases[CMT_JOURNAL_STATE] = (databases & 1) != 0;
    job->databases[CMT_JOURNAL_BLOCKSTORE] = (databases & 2) != 0;
    job->kind = (cmt_job_kind)kind;
    job->status = (cmt_job_status)status;
    job->attempts = (uint32_t)attempts;
    return (job->id > 0 && databases != 0) || fail(r);
}

/* Sorted, with something between them, as they were put in. */
static bool get_ranges(reader *r, bool takes_part, cmt_compactor__spans *spans)
{
    uint64_t count = 0;
    if (!get_number(r, takes_part ? CMT_JOURNAL_RANGES : 0, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        cmt_range range;
        if (!get_bytes(r, CMT_COMPACTOR__KEY, &range.lo) ||
            !get_bytes(r, CMT_COMPACTOR__KEY, &range.hi))
            return false;
        cmt_compactor__spans_add(spans, range);
        if (spans->count != i + 1)
            return fail(r);
        const cmt_range kept = cmt_compactor__span_range(&spans->at[i]);
        if (!cmt_slice_equal(kept.lo, range.lo) || !cmt_slice_equal(kept.hi, range.hi))
            return fail(r);
    }
    return true;
}

static bool is_used(const cmt_compactor__record *record, uint64_t id)
{
    for (size_t i = 0; i < record->open_count; i++)
        if (record->open[i].job.id == id)
            return true;
    for (size_t i = 0; i < record->ended_count; i++)
        if (record->ended[i].id == id)
            return true;
    return false;
}

static bool get_open(reader *r, cmt_compactor__record *out)
{
    cmt_compactor__open_job *open = &out->open[out->open_count];
    if (!get_job(r, out->next_id, &open->job) || open->job.status == CMT_JOB_COMPLETED ||
        is_used(out, open->job.id))
        return fail(r);
    for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++)
        if (!get_ranges(r, open->job.databases[side], &open->ranges[side]))
            return false;
    out->open_count++;
    return true;
}

static bool get_ended(reader *r, cmt_compactor__record *out)
{
    cmt_job *job = &out->ended[out->ended_count];
    if (!get_job(r, out->next_id, job) || job->status != CMT_JOB_COMPLETED || is_used(out, job->id))
        return fail(r);
    out->ended_count++;
    return true;
}

static bool get_record(reader *r, cmt_compactor__record *out)
{
    uint64_t open = 0;
    uint64_t ended = 0;
    if (!get_number(r, INT64_MAX, &out->next_id) || out->next_id == 0)
        return false;
    for (size_t i = 0; i < CMT_JOURNAL_SIDES; i++)
        if (!get_database(r, &out->databases[i]))
            return false;
    if (!get_number(r, CMT_JOURNAL_OPEN, &open))
        return false;
    for (size_t i = 0; i < open; i++)
        if (!get_open(r, out))
            return false;
    if (!get_number(r, CMT_JOURNAL_ENDED, &ended))
        return false;
    for (size_t i = 0; i < ended; i++)
        if (!get_ended(r, out))
            return false;
    return r->p == r->end;
}

/* Checked in an order that tells a newer version from damage as far as that can be told. */
cmt_status cmt_compactor__journal_decode(cmt_slice file, cmt_compactor__record *out, cmt_error *err)
{
    if (file.size < HEADER_SIZE + TRAILER_SIZE || memcmp(file.data, magic, sizeof magic) != 0)
        return cmt_error_set(err, CMT_CORRUPT, "it does not begin as a compaction journal does");
    uint32_t version = cmt_load32(file.data + sizeof magic);
    if (version != VERSION)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "it says version %lu, and this program knows version %d",
                             (unsigned long)version, VERSION);
    size_t size = file.size - HEADER_SIZE - TRAILER_SIZE;
    if (cmt_load32(file.data + sizeof magic + 4) != size)
        return cmt_error_set(err, CMT_CORRUPT, "it was cut off, or has grown");
    const uint8_t *trailer = file.data + HEADER_SIZE + size;
    if (cmt_load32(trailer) != cmt_crc32c_mask(cmt_crc32c(0, file.data, HEADER_SIZE + size)))
        return cmt_error_set(err, CMT_CORRUPT, "its checksum does not match");
    cmt_compactor__record_init(out);
    reader r = {file.data + HEADER_SIZE, trailer};
    if (!get_record(&r, out))
        return cmt_error_set(err, CMT_CORRUPT, "its contents make no sense");
    return CMT_OK;
}
