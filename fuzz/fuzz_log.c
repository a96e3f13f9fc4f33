/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs: the records of any bytes that are read as a log are the same after being written as one.
 */
#include "fuzz.h"

#include "log.h"
#include "repair.h"
#include "scratch.h"

typedef struct records {
    cmt_buf bytes; /* one behind the other */
    cmt_buf sizes; /* array of size_t */
} records;

static cmt_status collect(void *context, cmt_slice record, cmt_error *err)
{
    (void)err;
    records *r = context;
    FUZZ_CHECK(cmt_buf_append(&r->bytes, record.data, record.size) == CMT_OK);
    FUZZ_CHECK(cmt_buf_append(&r->sizes, &record.size, sizeof record.size) == CMT_OK);
    return CMT_OK;
}

static void free_records(records *r)
{
    cmt_buf_free(&r->bytes);
    cmt_buf_free(&r->sizes);
}

static void check_again(const records *r)
{
    cmt_buf log = CMT_BUF_INIT;
    records again = {CMT_BUF_INIT, CMT_BUF_INIT};
    const uint8_t *p = r->bytes.data;
    bool torn = true;
    for (size_t i = 0; i < r->sizes.size / sizeof(size_t); i++) {
        size_t size;
        memcpy(&size, r->sizes.data + i * sizeof size, sizeof size);
        FUZZ_CHECK(cmt_lsm__log_append(&log, (cmt_slice){p, size}) == CMT_OK);
        p += size;
    }
    int fd = scratch_memory(cmt_buf_slice(&log));
    FUZZ_CHECK(cmt_lsm__log_read(fd, "again", log.size, collect, &again, &torn, NULL) == CMT_OK);
    FUZZ_CHECK(!torn);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&again.bytes), cmt_buf_slice(&r->bytes)));
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&again.sizes), cmt_buf_slice(&r->sizes)));
    free_records(&again);
    cmt_buf_free(&log);
}

static void check(cmt_slice log)
{
    records r = {CMT_BUF_INIT, CMT_BUF_INIT};
    cmt_error err = CMT_ERROR_INIT;
    bool torn;
    int fd = scratch_memory(log);
    FUZZ_CHECK(cmt_buf_reserve(&r.bytes, 1) == CMT_OK);
    cmt_status st = cmt_lsm__log_read(fd, "log", log.size, collect, &r, &torn, &err);
    FUZZ_CHECK(st == CMT_OK || (st == CMT_CORRUPT && err.message[0] != '\0'));
    FUZZ_CHECK(r.bytes.size + r.sizes.size / sizeof(size_t) * CMT_LSM_LOG_HEADER <= log.size);
    check_again(&r);
    free_records(&r);
}

/* The same bytes where a block ends: behind a record that leaves only a little of it. */
static void check_across_blocks(cmt_slice bytes)
{
    static const uint8_t zeros[CMT_LSM_LOG_BLOCK];
    cmt_buf log = CMT_BUF_INIT;
    size_t left = bytes.data[0] % 32;
    const cmt_slice record = {zeros, CMT_LSM_LOG_BLOCK - CMT_LSM_LOG_HEADER - left};
    FUZZ_CHECK(cmt_lsm__log_append(&log, record) == CMT_OK);
    FUZZ_CHECK(cmt_buf_append(&log, bytes.data, bytes.size) == CMT_OK);
    repair_log(log.data, log.size);
    check(cmt_buf_slice(&log));
    cmt_buf_free(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_buf copy = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_buf_append(&copy, data, size) == CMT_OK);
    check(cmt_buf_slice(&copy));
    repair_log(copy.data, copy.size);
    check(cmt_buf_slice(&copy));
    if (size > 0)
        check_across_blocks(cmt_buf_slice(&copy));
    cmt_buf_free(&copy);
    return 0;
}
