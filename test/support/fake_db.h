/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that can only be compacted, and does what a test tells it to.  Keys count by their first two bytes:
 * 65536 places, each of which takes up FAKE_PLACE_BYTES.
 */
#ifndef CMT_TEST_FAKE_DB_H
#define CMT_TEST_FAKE_DB_H

#include <pthread.h>

#include "db_internal.h"

#define FAKE_PLACES 65536
#define FAKE_PLACE_BYTES ((uint64_t)4096)

typedef enum fake_behaviour {
    FAKE_WORKS,
    FAKE_FAILS,
    FAKE_HOLDS,            /* a call ends when it is cancelled, and says so, or at fake_let_go() */
    FAKE_HEARS_TOO_LATE,   /* a call ends when it is cancelled, with everything done */
    FAKE_HOLDS_TO_THE_END, /* at fake_let_go() only, and does not hear of being cancelled */
} fake_behaviour;

typedef struct fake_db {
    cmt_db base;
    fake_behaviour behaviour;
    cmt_status measure_fails;  /* other than CMT_OK: no figures */
    cmt_status flush_fails;    /* other than CMT_OK: it accepts no more writes */
    _Atomic int64_t *clock_ns; /* moved on by each call; NULL: it takes no time */
    int64_t ns_per_place;
    _Atomic size_t closes; /* by the last reference; it is fake_destroy() that releases */
    /* lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t compacted[FAKE_PLACES]; /* how often */
    size_t calls;
    uint64_t largest_call; /* bytes */
    size_t inside;         /* calls that run now, and the most ever */
    size_t most_inside;
    bool cancelled;
    bool let_go;
} fake_db;

/** Ready to use; fake_destroy() releases. */
void fake_init(fake_db *db);
void fake_destroy(fake_db *db);
/** Wait, not for ever, until a call runs. */
void fake_wait_for_call(fake_db *db);
/** Wait, not for ever, until `calls` calls have begun. */
void fake_wait_for_calls(fake_db *db, size_t calls);
/** From now on; calls that were let go before do not count. */
void fake_behave(fake_db *db, fake_behaviour behaviour);
void fake_let_go(fake_db *db);
/** The places in [lo,hi) were compacted `times` times each; returns how many there are. */
size_t fake_expect(const fake_db *db, unsigned lo, unsigned hi, unsigned times);
/** The place of a key. */
unsigned fake_place(cmt_slice key);
/** The key of a place, 2 bytes, in memory that lasts until the fifth call of the thread from now. */
cmt_slice fake_key(unsigned place);

#endif
