/* SPDX-License-Identifier: Apache-2.0
 *
 * Random histories.
 */
#include "history.h"

#include "pairs.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void history_end(history *h)
{
    for (unsigned i = 0; i < HISTORY_KEYS; i++)
        cmt_buf_free(&h->values[i]);
}

void history_key(unsigned i, char name[16])
{
    snprintf(name, 16, "%c%05u", i % 5 == 0 ? 'b' : 'k', i);
}

void history_set(history *h, unsigned i, const void *value, size_t size)
{
    h->present[i] = size != SIZE_MAX;
    cmt_buf_clear(&h->values[i]);
    if (h->present[i])
        ck_assert_int_eq(cmt_buf_append(&h->values[i], value, size), CMT_OK);
}

uint32_t history_pick(history *h, uint32_t limit)
{
    return (uint32_t)(rng_next(&h->random) % limit);
}

static size_t random_value(history *h, char value[HISTORY_VALUE_MAX])
{
    size_t size = 1 + history_pick(h, history_pick(h, 8) == 0 ? HISTORY_VALUE_MAX : 120);
    if (size > HISTORY_VALUE_MAX)
        size = HISTORY_VALUE_MAX;
    for (size_t i = 0; i < size; i++)
        value[i] = (char)(history_pick(h, 3) == 0 ? history_pick(h, 256) : 'a' + (uint32_t)(i % 7));
    value[0] = history_pick(h, 2) == 0 ? 'D' : 'L';
    return size;
}

static cmt_slice name_of(unsigned i, char name[16])
{
    history_key(i, name);
    return (cmt_slice){(const uint8_t *)name, strlen(name)};
}

static void compact_some(history *h, leveldb_t *db)
{
    char from[16];
    char to[16];
    history_key(history_pick(h, HISTORY_KEYS), from);
    history_key(history_pick(h, HISTORY_KEYS), to);
    leveldb_compact_range(db, from, strlen(from), to, strlen(to));
}

void history_write(history *h, leveldb_t *db, unsigned operations)
{
    char value[HISTORY_VALUE_MAX];
    char name[16];
    for (unsigned n = 0; n < operations; n++) {
        unsigned i = history_pick(h, HISTORY_KEYS);
        if (history_pick(h, 5) == 0) {
            engine_delete(db, name_of(i, name));
            history_set(h, i, NULL, SIZE_MAX);
        } else {
            size_t size = random_value(h, value);
            engine_put(db, name_of(i, name), (cmt_slice){(const uint8_t *)value, size});
            history_set(h, i, value, size);
        }
        if (history_pick(h, 900) == 0)
            compact_some(h, db);
    }
}

char *history_pairs(const history *h)
{
    char name[16];
    char *pairs = calloc(1, 1);
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < HISTORY_KEYS; i++)
            if (h->present[i] && (i % 5 == 0) == (pass == 0))
                pairs = pairs_add(pairs, name_of(i, name), cmt_buf_slice(&h->values[i]));
    return pairs;
}
