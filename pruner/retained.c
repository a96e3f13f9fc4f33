/* SPDX-License-Identifier: Apache-2.0
 *
 * Retain heights in a state store, or in <db_dir>/cmtstore/retain-heights, a line each: "application 1000".
 */
#include "retained.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "own_file.h"

#define KIND "retain-heights"
#define ADVICE                                                                                     \
    "what was asked to be kept might be lost: restore the file, or remove it to begin anew"

static const char *const names[CMT_PRUNER__OWNERS] = {
    [CMT_RETAIN_APPLICATION] = "application",
    [CMT_RETAIN_COMPANION] = "companion",
    [CMT_RETAIN_RESULTS] = "results",
};

/* ---- the file -------------------------------------------------------------------------------- */

/* One line, its newline replaced by a NUL. */
static bool parse_line(const char *line, cmt_pruner__retained *out)
{
    for (size_t i = 0; i < CMT_PRUNER__OWNERS; i++) {
        const size_t size = strlen(names[i]);
        int64_t height = 0;
        if (strncmp(line, names[i], size) != 0 || line[size] != ' ' || out->present[i])
            continue;
        const char *p = line + size + 1;
        for (; *p >= '0' && *p <= '9'; p++)
            if (__builtin_mul_overflow(height, 10, &height) ||
                __builtin_add_overflow(height, *p - '0', &height))
                return false;
        out->heights[i] = height;
        out->present[i] = p > line + size + 1 && *p == '\0';
        return out->present[i];
    }
    return false;
}

static cmt_status parse(cmt_buf *lines, cmt_pruner__retained *out, cmt_error *err)
{
    char *at = (char *)lines->data;
    char *const end = at + lines->size;
    for (int number = 2; at < end; number++) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline != NULL)
            *newline = '\0';
        if (newline == NULL || strlen(at) != (size_t)(newline - at) || !parse_line(at, out)) {
            char why[64];
            snprintf(why, sizeof why, "line %d is no retain height", number);
            return cmt_pruner__own_damaged(out->data_dir, KIND, why, ADVICE, err);
        }
        at = newline + 1;
    }
    return CMT_OK;
}

static cmt_status store(const cmt_pruner__retained *r, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf lines = CMT_BUF_INIT;
    for (size_t i = 0; i < CMT_PRUNER__OWNERS; i++) {
        char line[64];
        if (!r->present[i])
            continue;
        int size = snprintf(line, sizeof line, "%s %" PRId64 "\n", names[i], r->heights[i]);
        if (cmt_buf_append(&lines, line, (size_t)size) != CMT_OK)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for retain heights");
    }
    CMT_AUTO(cmt_pruner__own_unlock) cmt_pruner__own_lock lock;
    CMT_TRY(cmt_pruner__own_take(r->data_dir, KIND, &lock, err));
    return cmt_pruner__own_write(&lock, KIND, cmt_buf_slice(&lines), err);
}

/* In memory when the file says so, too. */
static cmt_status put_in_file(cmt_pruner__retained *r, const cmt_pruner__retained *wanted,
                              cmt_error *err)
{
    CMT_TRY(store(wanted, err));
    memcpy(r->heights, wanted->heights, sizeof r->heights);
    memcpy(r->present, wanted->present, sizeof r->present);
    return CMT_OK;
}

/* ---- either ---------------------------------------------------------------------------------- */

cmt_status cmt_pruner__retained_open(cmt_state_store *states, const char *data_dir,
                                     cmt_pruner__retained *out, cmt_error *err)
{
    *out = (cmt_pruner__retained){.states = NULL};
    if (cmt_state_store_has_version(states)) {
        out->states = states;
        return CMT_OK;
    }
    if (data_dir == NULL)
        return cmt_error_set(err, CMT_INVALID,
                             "a prune service on databases before CometBFT 1.0 needs the data "
                             "directory, for retain heights");
    out->data_dir = strdup(data_dir);
    if (out->data_dir == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for retain heights");
    CMT_AUTO(cmt_buf_free) cmt_buf lines = CMT_BUF_INIT;
    cmt_status st = cmt_pruner__own_read(data_dir, KIND, ADVICE, &lines, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    return parse(&lines, out, err);
}

void cmt_pruner__retained_close(cmt_pruner__retained *retained)
{
    free(retained->data_dir);
    retained->data_dir = NULL;
}

static bool init_one(cmt_pruner__retained *r, cmt_retain_owner owner, bool replace_zero,
                     int64_t height)
{
    if (r->present[owner] && (r->heights[owner] != 0 || !replace_zero || height == 0))
        return false;
    r->present[owner] = true;
    r->heights[owner] = height;
    return true;
}

cmt_status cmt_pruner__retained_init(cmt_pruner__retained *retained, bool companion, int64_t blocks,
                                     int64_t results, cmt_error *err)
{
    if (retained->states != NULL)
        return cmt_state_store_init_retain_heights(retained->states, companion, blocks, results,
                                                   err);
    cmt_pruner__retained wanted = *retained;
    bool changed = init_one(&wanted, CMT_RETAIN_APPLICATION, false, 0);
    if (companion) {
        changed |= init_one(&wanted, CMT_RETAIN_COMPANION, true, blocks);
        changed |= init_one(&wanted, CMT_RETAIN_RESULTS, true, results);
    }
    return changed ? put_in_file(retained, &wanted, err) : CMT_OK;
}

cmt_status cmt_pruner__retained_get(const cmt_pruner__retained *retained, cmt_retain_owner owner,
                                    int64_t *out, cmt_error *err)
{
    if (retained->states != NULL)
        return cmt_state_store_retain_height(retained->states, owner, out, err);
    if (!retained->present[owner])
        return CMT_NOT_FOUND;
    *out = retained->heights[owner];
    return CMT_OK;
}

cmt_status cmt_pruner__retained_put(cmt_pruner__retained *retained, cmt_retain_owner owner,
                                    int64_t height, int64_t base, int64_t top, cmt_error *err)
{
    if (retained->states != NULL)
        return cmt_state_store_set_retain_height(retained->states, owner, height, base, top, err);
    cmt_pruner__retained wanted = *retained;
    wanted.heights[owner] = height;
    wanted.present[owner] = true;
    return put_in_file(retained, &wanted, err);
}
