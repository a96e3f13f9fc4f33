/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of MANIFEST: version edits made field by field, and what is read from them.
 */
#ifndef CMT_TEST_LSM_MANIFEST_SUPPORT_H
#define CMT_TEST_LSM_MANIFEST_SUPPORT_H

#include "cleanup.h"
#include "file.h"
#include "log.h"
#include "pairs.h"
#include "version.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static cmt_buf log_bytes; /* the MANIFEST being made */
static cmt_buf edit;      /* its current record */
static cmt_error err;

static inline void setup(void)
{
    log_bytes = edit = (cmt_buf)CMT_BUF_INIT;
    err = (cmt_error)CMT_ERROR_INIT;
}

static inline void teardown(void)
{
    cmt_buf_free(&log_bytes);
    cmt_buf_free(&edit);
}

/* ---- making ---------------------------------------------------------------------------------- */

static inline void number(uint64_t value)
{
    ck_assert_int_eq(cmt_buf_append_varint(&edit, value), CMT_OK);
}

static inline void field(uint64_t tag, uint64_t value)
{
    number(tag);
    number(value);
}

static inline void bytes(cmt_slice value)
{
    ck_assert_int_eq(cmt_buf_append_bytes(&edit, value), CMT_OK);
}

static inline void comparator(const char *name)
{
    number(1);
    bytes((cmt_slice){(const uint8_t *)name, strlen(name)});
}

/* An internal key: a user key, sequence 7, a put. */
static inline void key(const char *user)
{
    cmt_buf internal = CMT_BUF_INIT;
    cmt_slice slice = {(const uint8_t *)user, strlen(user)};
    ck_assert_int_eq(cmt_lsm__make_internal(slice, 7, CMT_LSM_TYPE_PUT, &internal), CMT_OK);
    bytes(cmt_buf_slice(&internal));
    cmt_buf_free(&internal);
}

static inline void add(unsigned level, uint64_t table, uint64_t size, const char *lo,
                       const char *hi)
{
    field(7, level);
    number(table);
    number(size);
    key(lo);
    key(hi);
}

static inline void drop(unsigned level, uint64_t table)
{
    field(6, level);
    number(table);
}

/* The fields that must be there. */
static inline void counters(void)
{
    comparator(CMT_LSM_COMPARATOR);
    field(2, 11);
    field(3, 12);
    field(4, 13);
}

static inline void end_edit(void)
{
    ck_assert_int_eq(cmt_lsm__log_append(&log_bytes, cmt_buf_slice(&edit)), CMT_OK);
    cmt_buf_clear(&edit);
}

/* ---- reading --------------------------------------------------------------------------------- */

static inline cmt_status read_log(cmt_slice log, cmt_lsm__version *out)
{
    CMT_AUTO(cmt_fd_close) int fd = memfd_create("manifest", MFD_CLOEXEC);
    ck_assert_int_eq(write(fd, log.data, log.size), (ssize_t)log.size);
    err = (cmt_error)CMT_ERROR_INIT;
    return cmt_lsm__version_read(fd, "MANIFEST-000001", log.size, out, &err);
}

static inline cmt_status read_made(cmt_lsm__version *out)
{
    if (edit.size > 0)
        end_edit();
    return read_log(cmt_buf_slice(&log_bytes), out);
}

static inline void expect_refusal(cmt_status status)
{
    cmt_lsm__version v;
    cmt_status st = read_made(&v);
    ck_assert_msg(st == status, "%s: %s", cmt_status_text(st), err.message);
    ck_assert_ptr_null(v.tables);
    ck_assert_msg(strlen(err.message) > 20, "%s", err.message);
}

/* "level:number level:number …" in the order of the version. */
static inline char *tables_text(const cmt_lsm__version *v)
{
    char *text = calloc(1, v->count * 32 + 1);
    char *at = text;
    for (size_t i = 0; i < v->count; i++)
        at += sprintf(at, "%s%u:%llu", i > 0 ? " " : "", v->tables[i].level,
                      (unsigned long long)v->tables[i].number);
    return text;
}

static inline void expect_tables(const char *tables)
{
    cmt_lsm__version v;
    pairs_must(read_made(&v), &err);
    char *text = tables_text(&v);
    ck_assert_str_eq(text, tables);
    free(text);
    cmt_lsm__version_free(&v);
}

#endif
