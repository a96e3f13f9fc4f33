/* SPDX-License-Identifier: Apache-2.0
 *
 * Random histories: C++ LevelDB writes a database while a list in memory keeps what it must hold.
 */
#ifndef CMT_TEST_HISTORY_H
#define CMT_TEST_HISTORY_H

#include "engine.h"
#include "rng.h"

#define HISTORY_KEYS 700
#define HISTORY_VALUE_MAX 3000

typedef struct history {
    rng random;
    bool present[HISTORY_KEYS];
    cmt_buf values[HISTORY_KEYS];
} history;

/** Zero-initialised, with random.state as the seed, a history is empty. */
void history_end(history *h);
/** The name of key @p i: "k00123", of every fifth one "b00125". */
void history_key(unsigned i, char name[16]);
/** Key @p i has this value from now on, or with @p size SIZE_MAX none. */
void history_set(history *h, unsigned i, const void *value, size_t size);
/** A random number below @p limit. */
uint32_t history_pick(history *h, uint32_t limit);
/** Put, delete and now and then compact.  The first byte of a value is D or L. */
void history_write(history *h, leveldb_t *db, unsigned operations);
/** All pairs in order, as pairs_of_view() writes them; to be freed. */
char *history_pairs(const history *h);

#endif
