/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that can only be compacted.
 */
#include "fake_db.h"

#include <check.h>

#include <string.h>
#include <time.h>

#include "claim.h"

unsigned fake_place(cmt_slice key)
{
    unsigned high = key.size > 0 ? key.data[0] : 0;
    unsigned low = key.size > 1 ? key.data[1] : 0;
    return high << 8 | low;
}

static void places_of(cmt_range range, unsigned *lo, unsigned *hi)
{
    *lo = fake_place(range.lo);
    *hi = range.hi.size > 0 ? fake_place(range.hi) : FAKE_PLACES;
    ck_assert_uint_le(*lo, *hi);
}

static cmt_status fake_measure(cmt_db *base, cmt_range range, uint64_t *bytes, cmt_error *err)
{
    (void)base;
    (void)err;
    unsigned lo;
    unsigned hi;
    places_of(range, &lo, &hi);
    *bytes = (hi - lo) * FAKE_PLACE_BYTES;
    return CMT_OK;
}

/* Until it is so, but not for ever. */
static void wait_locked(fake_db *db, const bool *one, const bool *other, const size_t *count,
                        size_t least)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    int waited = 0;
    while (waited == 0 && !(one != NULL && *one) && !(other != NULL && *other) &&
           !(count != NULL && *count >= least))
        waited = pthread_cond_timedwait(&db->changed, &db->lock, &until);
    ck_assert_int_eq(waited, 0);
}

static cmt_status behave_locked(fake_db *db, cmt_error *err)
{
    switch (db->behaviour) {
    case FAKE_WORKS:
        break;
    case FAKE_FAILS:
        return cmt_error_set(err, CMT_IO, "the engine's \"own\" words");
    case FAKE_HOLDS:
        wait_locked(db, &db->let_go, &db->cancelled, NULL, 0);
        return db->cancelled ? cmt_error_set(err, CMT_CANCELLED, "the engine was stopped") : CMT_OK;
    case FAKE_HEARS_TOO_LATE:
        wait_locked(db, NULL, &db->cancelled, NULL, 0);
        break;
    case FAKE_HOLDS_TO_THE_END:
        wait_locked(db, &db->let_go, NULL, NULL, 0);
        break;
    }
    return CMT_OK;
}

static cmt_status fake_compact(cmt_db *base, cmt_range range, cmt_error *err)
{
    fake_db *db = (fake_db *)base;
    unsigned lo;
    unsigned hi;
    places_of(range, &lo, &hi);
    pthread_mutex_lock(&db->lock);
    db->calls++;
    if (++db->inside > db->most_inside)
        db->most_inside = db->inside;
    if ((hi - lo) * FAKE_PLACE_BYTES > db->largest_call)
        db->largest_call = (hi - lo) * FAKE_PLACE_BYTES;
    pthread_cond_broadcast(&db->changed);
    cmt_status st = behave_locked(db, err);
    for (unsigned place = lo; place < hi && st == CMT_OK; place++)
        db->compacted[place]++;
    db->inside--;
    pthread_mutex_unlock(&db->lock);
    if (db->clock_ns != NULL)
        *db->clock_ns += (hi - lo) * db->ns_per_place;
    return st;
}

static void fake_cancel(cmt_db *base, bool wanted)
{
    fake_db *db = (fake_db *)base;
    pthread_mutex_lock(&db->lock);
    db->cancelled = wanted;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
}

/* What was never compacted is twice as large. */
static cmt_status fake_stats(cmt_db *base, cmt_db_stats *out, cmt_error *err)
{
    fake_db *db = (fake_db *)base;
    if (db->measure_fails != CMT_OK)
        return cmt_error_set(err, db->measure_fails, "no figures");
    pthread_mutex_lock(&db->lock);
    for (size_t i = 0; i < FAKE_PLACES; i++)
        out->table_bytes[1] += FAKE_PLACE_BYTES / (db->compacted[i] > 0 ? 2 : 1);
    out->tables[1] = 7;
    pthread_mutex_unlock(&db->lock);
    return CMT_OK;
}

static void fake_close(cmt_db *base)
{
    ((fake_db *)base)->closes++;
}

static cmt_status fake_flush(cmt_db *base, cmt_error *err)
{
    cmt_status st = ((fake_db *)base)->flush_fails;
    return st == CMT_OK ? st : cmt_error_set(err, st, "no more writes");
}

static const cmt_db_ops ops = {
    .approximate_bytes = fake_measure,
    .close = fake_close,
    .flush = fake_flush,
    .compact_range = fake_compact,
    .cancel_compaction = fake_cancel,
    .get_stats = fake_stats,
    .capabilities = CMT_DB_WRITABLE | CMT_DB_SHARED,
};

void fake_init(fake_db *db)
{
    memset(db, 0, sizeof *db);
    db->base.ops = &ops;
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->changed, NULL);
}

void fake_destroy(fake_db *db)
{
    cmt_db__claim_forget(&db->base);
    pthread_cond_destroy(&db->changed);
    pthread_mutex_destroy(&db->lock);
}

void fake_wait_for_call(fake_db *db)
{
    pthread_mutex_lock(&db->lock);
    wait_locked(db, NULL, NULL, &db->inside, 1);
    pthread_mutex_unlock(&db->lock);
}

void fake_wait_for_calls(fake_db *db, size_t calls)
{
    pthread_mutex_lock(&db->lock);
    wait_locked(db, NULL, NULL, &db->calls, calls);
    pthread_mutex_unlock(&db->lock);
}

void fake_behave(fake_db *db, fake_behaviour behaviour)
{
    pthread_mutex_lock(&db->lock);
    db->behaviour = behaviour;
    db->let_go = false;
    pthread_mutex_unlock(&db->lock);
}

void fake_let_go(fake_db *db)
{
    pthread_mutex_lock(&db->lock);
    db->let_go = true;
    pthread_cond_broadcast(&db->changed);
    pthread_mutex_unlock(&db->lock);
}

size_t fake_expect(const fake_db *db, unsigned lo, unsigned hi, unsigned times)
{
    for (unsigned place = lo; place < hi; place++)
        ck_assert_msg(db->compacted[place] == times, "place %u was compacted %u times, not %u",
                      place, db->compacted[place], times);
    return hi - lo;
}

cmt_slice fake_key(unsigned place)
{
    static _Thread_local uint8_t keys[5][2];
    static _Thread_local unsigned next;
    uint8_t *key = keys[next++ % 5];
    key[0] = (uint8_t)(place >> 8);
    key[1] = (uint8_t)place;
    return (cmt_slice){key, 2};
}
