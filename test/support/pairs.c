/* SPDX-License-Identifier: Apache-2.0
 *
 * What a view shows, as text.
 */
#include "pairs.h"

#include "cleanup.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pairs_must(cmt_status status, const cmt_error *err)
{
    ck_assert_msg(status == CMT_OK, "%s: %s", cmt_status_text(status), err->message);
}

static char *add_bytes(char *at, cmt_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c > 0x20 && c < 0x7f && c != '\\')
            *at++ = (char)c;
        else
            at += snprintf(at, 4, "\\%02x", c);
    }
    return at;
}

char *pairs_add(char *pairs, cmt_slice key, cmt_slice value)
{
    size_t size = pairs != NULL ? strlen(pairs) : 0;
    pairs = realloc(pairs, size + 3 * (key.size + value.size) + 8);
    ck_assert_ptr_nonnull(pairs);
    char *at = add_bytes(pairs + size, key);
    *at++ = '=';
    at = add_bytes(at, value);
    *at++ = '\n';
    *at = '\0';
    return pairs;
}

static void check_get(cmt_lsm_view *view, cmt_lsm_iter *iter)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_error err = CMT_ERROR_INIT;
    pairs_must(cmt_lsm_view_get(view, cmt_lsm_iter_key(iter), &value, &err), &err);
    ck_assert(cmt_slice_equal(cmt_buf_slice(&value), cmt_lsm_iter_value(iter)));
}

/* Lines of `forward` from its end, each of which must be what the iterator shows going back. */
static void check_backward(cmt_lsm_iter *iter, const char *forward)
{
    cmt_error err = CMT_ERROR_INIT;
    size_t left = strlen(forward);
    cmt_status st = cmt_lsm_iter_last(iter, &err);
    for (; st == CMT_OK; st = cmt_lsm_iter_prev(iter, &err)) {
        char *line = pairs_add(NULL, cmt_lsm_iter_key(iter), cmt_lsm_iter_value(iter));
        size_t size = strlen(line);
        ck_assert_msg(size <= left, "going back there is more: %s", line);
        left -= size;
        ck_assert_msg(memcmp(forward + left, line, size) == 0, "going back: %s", line);
        free(line);
    }
    ck_assert_msg(st == CMT_NOT_FOUND, "%s", err.message);
    ck_assert_msg(left == 0, "going back there is less");
}

char *pairs_of_open_view(cmt_lsm_view *view)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_iter *iter;
    char *pairs = calloc(1, 1);
    pairs_must(cmt_lsm_iter_new(view, NULL, &iter, &err), &err);
    cmt_status st = cmt_lsm_iter_first(iter, &err);
    for (; st == CMT_OK; st = cmt_lsm_iter_next(iter, &err)) {
        pairs = pairs_add(pairs, cmt_lsm_iter_key(iter), cmt_lsm_iter_value(iter));
        check_get(view, iter);
    }
    ck_assert_msg(st == CMT_NOT_FOUND, "%s", err.message);
    check_backward(iter, pairs);
    cmt_lsm_iter_free(iter);
    return pairs;
}

char *pairs_of_view(const char *dir)
{
    cmt_error err = CMT_ERROR_INIT;
    cmt_lsm_view *view;
    pairs_must(cmt_lsm_view_open(dir, NULL, &view, &err), &err);
    char *pairs = pairs_of_open_view(view);
    cmt_lsm_view_close(view);
    return pairs;
}
