/* SPDX-License-Identifier: Apache-2.0
 *
 * Compaction journals: what decodes is within the limits, and encodes to a file that decodes to the same.
 */
#include "fuzz.h"

#include "coding.h"
#include "crc32c.h"
#include "journal.h"

#include <string.h>

#define HEADER 16
#define TRAILER 4

static void check_job(const cmt_job *job, uint64_t next_id)
{
    FUZZ_CHECK(job->id > 0 && job->id < next_id);
    FUZZ_CHECK(job->databases[0] || job->databases[1]);
    FUZZ_CHECK(memchr(job->label, '\0', sizeof job->label) != NULL);
    FUZZ_CHECK(memchr(job->trigger, '\0', sizeof job->trigger) != NULL);
    FUZZ_CHECK(memchr(job->error, '\0', sizeof job->error) != NULL);
}

static void check_ranges(const cmt_compactor__spans *spans)
{
    FUZZ_CHECK(spans->count <= CMT_JOURNAL_RANGES);
    for (size_t i = 0; i < spans->count; i++) {
        const cmt_range r = cmt_compactor__span_range(&spans->at[i]);
        FUZZ_CHECK(r.hi.size == 0 || cmt_slice_compare(r.lo, r.hi) < 0);
        FUZZ_CHECK(i == 0 || cmt_compactor__span_range(&spans->at[i - 1]).hi.size > 0);
    }
}

static void check_record(const cmt_compactor__record *record)
{
    FUZZ_CHECK(record->open_count <= CMT_JOURNAL_OPEN);
    FUZZ_CHECK(record->ended_count <= CMT_JOURNAL_ENDED);
    for (size_t i = 0; i < CMT_JOURNAL_SIDES; i++)
        FUZZ_CHECK(record->databases[i].cookie_size <= CMT_JOURNAL_COOKIE);
    for (size_t i = 0; i < record->open_count; i++) {
        check_job(&record->open[i].job, record->next_id);
        for (size_t side = 0; side < CMT_JOURNAL_SIDES; side++)
            check_ranges(&record->open[i].ranges[side]);
    }
    for (size_t i = 0; i < record->ended_count; i++)
        check_job(&record->ended[i], record->next_id);
}

static void check(cmt_slice file)
{
    static cmt_compactor__record record;
    static cmt_compactor__record again;
    cmt_error err = CMT_ERROR_INIT;
    cmt_buf encoded = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    cmt_status st = cmt_compactor__journal_decode(file, &record, &err);
    if (st != CMT_OK) {
        FUZZ_CHECK((st == CMT_CORRUPT || st == CMT_UNSUPPORTED) && err.message[0] != '\0');
        return;
    }
    check_record(&record);
    FUZZ_CHECK(cmt_compactor__journal_encode(&record, &encoded, &err) == CMT_OK);
    FUZZ_CHECK(encoded.size <= file.size && encoded.size <= CMT_COMPACTOR__JOURNAL_BYTES);
    FUZZ_CHECK(cmt_compactor__journal_decode(cmt_buf_slice(&encoded), &again, &err) == CMT_OK);
    FUZZ_CHECK(cmt_compactor__journal_encode(&again, &twice, &err) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&encoded), cmt_buf_slice(&twice)));
    cmt_buf_free(&encoded);
    cmt_buf_free(&twice);
}

/* Length and checksum are made right, so that what lies behind them is reached. */
static void repair(cmt_buf *file)
{
    if (file->size < HEADER + TRAILER)
        return;
    size_t end = file->size - TRAILER;
    memcpy(file->data, "cmtcompj\x01\0\0", 12);
    cmt_store32(file->data + 12, (uint32_t)(end - HEADER));
    cmt_store32(file->data + end, cmt_crc32c_mask(cmt_crc32c(0, file->data, end)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy));
    repair(&copy);
    check(cmt_buf_slice(&copy));
    cmt_buf_free(&copy);
    return 0;
}
