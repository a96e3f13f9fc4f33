/* SPDX-License-Identifier: Apache-2.0
 *
 * A view beside a node at work: at each single call by which a view reads the directory, the node gets a
 * few steps further.  Whatever the moment, the view shows what the database held at some moment.
 *
 * openat and pread are defined here, so that the calls of the library pass by.
 */
#include "cleanup.h"
#include "files.h"
#include "log.h"
#include "pairs.h"
#include "shape.h"
#include "suite.h"

#include <check.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *top;
static char *dir;
static cmt_error err;

/* ---- passing by -------------------------------------------------------------------------------- */

static unsigned calls_left; /* until the node takes its steps */
static bool armed;
static void (*take_steps)(void);

static void pass(void)
{
    if (!armed || calls_left-- > 0)
        return;
    armed = false;
    take_steps();
}

int openat(int fd, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned) : 0;
    va_end(args);
    pass();
    return (int)syscall(SYS_openat, fd, path, flags, mode);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    pass();
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

/* ---- the node ---------------------------------------------------------------------------------- */

/* a is in a table, b in the log.  The files that its steps will need lie ready under other names. */
static const shape_entry table_a[] = {{"a", 1, "1"}};
static const shape_entry log_b[] = {{"b", 2, "2"}};
static const shape_entry log_c[] = {{"c", 3, "3"}};

static void move(const char *from, const char *to)
{
    char *old = files_path(dir, from);
    char *new = files_path(dir, to);
    ck_assert_int_eq(rename(old, new), 0);
    free(old);
    free(new);
}

static void drop(const char *name)
{
    char *path = files_path(dir, name);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

/* A MANIFEST of one edit over the first `count` tables, or without them only the edit. */
static cmt_buf edit_of(shape *s, const cmt_lsm__table_meta *tables, size_t count)
{
    cmt_buf record = CMT_BUF_INIT;
    pairs_must(cmt_lsm__version_encode(&s->counters, tables, count, &record), &err);
    return record;
}

static void delete_table(cmt_buf *record, unsigned level, uint64_t number)
{
    ck_assert_int_eq(cmt_buf_append_varint(record, 6), CMT_OK);
    ck_assert_int_eq(cmt_buf_append_varint(record, level), CMT_OK);
    ck_assert_int_eq(cmt_buf_append_varint(record, number), CMT_OK);
}

/* The MANIFEST that lies in the directory, with a further record, under another name. */
static void lay_ready(const char *name, cmt_slice before, cmt_slice record)
{
    CMT_AUTO(cmt_buf_free) cmt_buf log = CMT_BUF_INIT;
    ck_assert_int_eq(cmt_buf_set(&log, before), CMT_OK);
    ck_assert_int_eq(cmt_lsm__log_append(&log, record), CMT_OK);
    files_write(dir, name, cmt_buf_slice(&log));
}

static void make_database(void)
{
    shape s;
    pairs_must(shape_begin(&s, dir, &err), &err);
    pairs_must(shape_table(&s, 1, table_a, 1, &err), &err); /* 000002.ldb */
    pairs_must(shape_log(&s, log_b, 1, &err), &err);        /* 000003.log */
    pairs_must(shape_finish(&s, &err), &err);
    cmt_buf manifest = files_read(dir, "MANIFEST-000001");
    /* After a flush: 000004.ldb holds b, 000005.log is live. */
    pairs_must(shape_table(&s, 0, log_b, 1, &err), &err);
    pairs_must(shape_log(&s, log_c, 1, &err), &err);
    s.counters.log_number = 5;
    cmt_buf flushed = edit_of(&s, &s.tables[1], 1);
    lay_ready("flushed", cmt_buf_slice(&manifest), cmt_buf_slice(&flushed));
    cmt_buf twice = files_read(dir, "flushed");
    /* After a compaction: 000006.ldb holds a and b. */
    const shape_entry both[] = {table_a[0], log_b[0]};
    pairs_must(shape_table(&s, 1, both, 2, &err), &err);
    cmt_buf compacted = edit_of(&s, &s.tables[2], 1);
    delete_table(&compacted, 1, 2);
    delete_table(&compacted, 0, 4);
    lay_ready("compacted", cmt_buf_slice(&twice), cmt_buf_slice(&compacted));
    /* After a restart: a MANIFEST of its own. */
    cmt_buf fresh = edit_of(&s, &s.tables[2], 1);
    lay_ready("fresh", (cmt_slice){NULL, 0}, cmt_buf_slice(&fresh));
    move("000004.ldb", "table-b");
    move("000005.log", "log-c");
    move("000006.ldb", "table-ab");
    cmt_buf_free(&manifest);
    cmt_buf_free(&flushed);
    cmt_buf_free(&twice);
    cmt_buf_free(&compacted);
    cmt_buf_free(&fresh);
    shape_end(&s);
}

/* Each is one change of the directory, in the order in which a node makes them. */
static void step(unsigned number)
{
    switch (number) {
    case 0:
        move("log-c", "000005.log"); /* a new log, with c in it */
        break;
    case 1:
        move("table-b", "000004.ldb"); /* the old log becomes a table */
        break;
    case 2: {
        cmt_buf manifest = files_read(dir, "flushed");
        files_write(dir, "MANIFEST-000001", cmt_buf_slice(&manifest));
        cmt_buf_free(&manifest);
        break;
    }
    case 3:
        drop("000003.log");
        break;
    case 4:
        move("table-ab", "000006.ldb"); /* a compaction */
        break;
    case 5: {
        cmt_buf manifest = files_read(dir, "compacted");
        files_write(dir, "MANIFEST-000001", cmt_buf_slice(&manifest));
        cmt_buf_free(&manifest);
        break;
    }
    case 6:
        drop("000002.ldb");
        break;
    case 7:
        drop("000004.ldb");
        break;
    case 8:
        move("fresh", "MANIFEST-000007"); /* a restart of goleveldb */
        break;
    case 9:
        files_write(dir, "CURRENT.7", CMT_SLICE("MANIFEST-000007\n"));
        break;
    case 10:
        move("CURRENT.7", "CURRENT");
        break;
    default:
        drop("MANIFEST-000001");
    }
}
#define STEPS 12

/* From step `first`, `count` of them. */
static unsigned first;
static unsigned count;

static void some_steps(void)
{
    for (unsigned i = first; i < first + count; i++)
        step(i);
}

/* ---- watching ---------------------------------------------------------------------------------- */

static void setup(void)
{
    err = (cmt_error)CMT_ERROR_INIT;
    top = files_temp();
    take_steps = some_steps;
}

static void teardown(void)
{
    armed = false;
    files_remove(top);
}

/* Open a view while the node takes its steps after so many calls; false if it had no time to. */
static bool open_beside(unsigned calls, const char *template)
{
    cmt_lsm_view *view;
    const cmt_lsm_view_options options = {.pin = true};
    dir = files_path(top, "x.db");
    files_copy(template, dir);
    for (unsigned i = 0; i < first; i++)
        step(i);
    calls_left = calls;
    armed = true;
    cmt_status st = cmt_lsm_view_open(dir, &options, &view, &err);
    bool passed = !armed;
    armed = false;
    ck_assert_msg(st == CMT_OK, "steps %u to %u at call %u: %s: %s", first, first + count - 1,
                  calls, cmt_status_text(st), err.message);
    char *pairs = pairs_of_open_view(view);
    bool old = strcmp(pairs, "a=1\nb=2\n") == 0 && first == 0;
    bool new = strcmp(pairs, "a=1\nb=2\nc=3\n") == 0;
    ck_assert_msg(old || new, "steps %u to %u at call %u: %s", first, first + count - 1, calls,
                  pairs);
    free(pairs);
    cmt_lsm_view_close(view);
    files_remove(dir);
    return passed;
}

START_TEST(a_view_is_one_moment_whenever_the_node_goes_on)
{
    first = (unsigned)_i;
    char *template = files_make_dir(top, "template.db");
    dir = template;
    make_database();
    for (count = 1; count <= STEPS; count++) {
        unsigned calls = 0;
        if (first + count > STEPS || (count > 3 && first + count < STEPS))
            continue; /* one, two or three steps, or all that are left */
        while (open_beside(calls, template))
            calls++;
        ck_assert_uint_gt(calls, 10);
    }
    free(template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lsm_beside");
    TCase *tc = tcase_create("beside");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_view_is_one_moment_whenever_the_node_goes_on, 0, STEPS);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
