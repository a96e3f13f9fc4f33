/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy: made equal to a snapshot, read back, caught up with.
 */
#include <openssl/evp.h>
#include <string.h>

#include "batch.h"
#include "cleanup.h"
#include "rewrite_internal.h"

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)

/* ---- number and digest of pairs ------------------------------------------------------------------ */

typedef struct tally {
    EVP_MD_CTX *sha256;
    uint64_t pairs;
} tally;

static void tally_free(tally *t)
{
    EVP_MD_CTX_free(t->sha256);
}

static cmt_status digest_failed(cmt_error *err)
{
    return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a digest");
}

static cmt_status tally_init(tally *t, cmt_error *err)
{
    *t = (tally){.sha256 = EVP_MD_CTX_new()};
    if (t->sha256 == NULL || EVP_DigestInit_ex(t->sha256, EVP_sha256(), NULL) != 1)
        return digest_failed(err);
    return CMT_OK;
}

/* Sizes first, so that no two lists of pairs read the same. */
static cmt_status tally_add(tally *t, cmt_slice key, cmt_slice value, cmt_error *err)
{
    const uint64_t sizes[2] = {key.size, value.size};
    t->pairs++;
    if (EVP_DigestUpdate(t->sha256, sizes, sizeof sizes) != 1 ||
        EVP_DigestUpdate(t->sha256, key.data, key.size) != 1 ||
        EVP_DigestUpdate(t->sha256, value.data, value.size) != 1)
        return digest_failed(err);
    return CMT_OK;
}

static cmt_status tally_compare(tally *read, tally *written, cmt_error *err)
{
    uint8_t a[EVP_MAX_MD_SIZE];
    uint8_t b[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(read->sha256, a, &size) != 1 ||
        EVP_DigestFinal_ex(written->sha256, b, NULL) != 1)
        return digest_failed(err);
    if (read->pairs == written->pairs && memcmp(a, b, size) == 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "the copy holds %llu pairs where %llu were written, or others; the "
                         "original stays",
                         (unsigned long long)read->pairs, (unsigned long long)written->pairs);
}

/* ---- making equal --------------------------------------------------------------------------------- */

/* Two iterators side by side; `to` may be NULL: nothing is there yet. */
typedef struct walk {
    cmt_db__rewrite *rw;
    cmt_db_iter *from;
    cmt_db_iter *to;
    cmt_status from_at; /* CMT_OK: on a pair; CMT_NOT_FOUND: at the end */
    cmt_status to_at;
    cmt_db_batch *changes;
    tally *tally; /* of `from`; may be NULL */
    const char *phase;
} walk;

static cmt_status start(walk *w, cmt_error *err)
{
    w->from_at = cmt_db_iter_first(w->from, err);
    if (w->from_at != CMT_OK && w->from_at != CMT_NOT_FOUND)
        return w->from_at;
    w->to_at = w->to == NULL ? CMT_NOT_FOUND : cmt_db_iter_first(w->to, err);
    return w->to_at == CMT_NOT_FOUND ? CMT_OK : w->to_at;
}

static cmt_status advance(cmt_db_iter *iter, cmt_status *at, cmt_error *err)
{
    *at = cmt_db_iter_next(iter, err);
    return *at == CMT_NOT_FOUND ? CMT_OK : *at;
}

static cmt_status write_changes(walk *w, cmt_error *err)
{
    CMT_TRY(cmt_db_write(w->rw->copy, w->changes, false, err));
    cmt_db_batch_clear(w->changes);
    return CMT_OK;
}

static cmt_status put(walk *w, bool is_new, cmt_error *err)
{
    cmt_slice key = cmt_db_iter_key(w->from);
    cmt_slice value = cmt_db_iter_value(w->from);
    if (cmt_db_batch_bytes(w->changes) + key.size + value.size > w->rw->options.chunk_bytes)
        CMT_TRY(write_changes(w, err));
    CMT_TRY(cmt_db_batch_put(w->changes, key, value, err));
    w->rw->pairs += is_new;
    return CMT_OK;
}

/* Both keys are the same: the value may be another. */
static cmt_status meet(walk *w, cmt_error *err)
{
    if (!cmt_slice_equal(cmt_db_iter_value(w->from), cmt_db_iter_value(w->to)))
        CMT_TRY(put(w, false, err));
    return advance(w->to, &w->to_at, err);
}

static cmt_status take_away(walk *w, cmt_error *err)
{
    CMT_TRY(cmt_db_batch_delete(w->changes, cmt_db_iter_key(w->to), err));
    w->rw->pairs--;
    return advance(w->to, &w->to_at, err);
}

/* What comes next in either, and what it takes. */
static cmt_status step(walk *w, cmt_error *err)
{
    int order = w->from_at != CMT_OK ? 1
                : w->to_at != CMT_OK
                    ? -1
                    : cmt_slice_compare(cmt_db_iter_key(w->from), cmt_db_iter_key(w->to));
    if (order > 0)
        return take_away(w, err);
    cmt_slice key = cmt_db_iter_key(w->from);
    cmt_slice value = cmt_db_iter_value(w->from);
    if (w->tally != NULL)
        CMT_TRY(tally_add(w->tally, key, value, err));
    w->rw->done_bytes += key.size + value.size;
    CMT_TRY(order == 0 ? meet(w, err) : put(w, true, err));
    return advance(w->from, &w->from_at, err);
}

static cmt_status walk_through(walk *w, cmt_error *err)
{
    size_t chunk = w->rw->options.chunk_bytes;
    uint64_t reported = w->rw->done_bytes;
    CMT_TRY(start(w, err));
    while (w->from_at == CMT_OK || w->to_at == CMT_OK) {
        CMT_TRY(step(w, err));
        if (cmt_db_batch_bytes(w->changes) >= chunk)
            CMT_TRY(write_changes(w, err));
        if (w->rw->done_bytes - reported >= chunk) {
            reported = w->rw->done_bytes;
            CMT_TRY(cmt_db__rewrite_breathe(w->rw, w->phase, err));
        }
    }
    return write_changes(w, err);
}

static cmt_status make_equal(cmt_db__rewrite *rw, cmt_db_iter *from, cmt_db_iter *to, tally *t,
                             const char *phase, cmt_error *err)
{
    walk w = {.rw = rw, .from = from, .to = to, .tally = t, .phase = phase};
    CMT_TRY(cmt_db_batch_new(&w.changes, err));
    cmt_status st = walk_through(&w, err);
    cmt_db_batch_free(w.changes);
    return st;
}

static cmt_status read_back(cmt_db__rewrite *rw, tally *t, cmt_error *err)
{
    cmt_db_iter *iter;
    uint64_t reported = 0;
    rw->done_bytes = 0;
    CMT_TRY(cmt_db__rewrite_breathe(rw, "verify", err));
    CMT_TRY(cmt_db_iter_new(rw->copy, NULL, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    while (st == CMT_OK) {
        cmt_slice key = cmt_db_iter_key(iter);
        cmt_slice value = cmt_db_iter_value(iter);
        rw->done_bytes += key.size + value.size;
        st = tally_add(t, key, value, err);
        if (st == CMT_OK && rw->done_bytes - reported >= rw->options.chunk_bytes) {
            reported = rw->done_bytes;
            st = cmt_db__rewrite_breathe(rw, "verify", err);
        }
        if (st == CMT_OK)
            st = cmt_db_iter_next(iter, err);
    }
    cmt_db_iter_free(iter);
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

cmt_status cmt_db__rewrite_copy(cmt_db__rewrite *rw, cmt_db_iter *live, cmt_error *err)
{
    CMT_AUTO(tally_free) tally written = {0};
    CMT_AUTO(tally_free) tally read = {0};
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *there = NULL;
    CMT_TRY(tally_init(&written, err));
    CMT_TRY(tally_init(&read, err));
    rw->done_bytes = 0;
    CMT_TRY(cmt_db__rewrite_breathe(rw, "copy", err));
    if (rw->result.rounds > 1)
        CMT_TRY(cmt_db_iter_new(rw->copy, NULL, &there, err));
    CMT_TRY(make_equal(rw, live, there, &written, "copy", err));
    CMT_TRY(cmt_db__rewrite_step(rw, "copied", err));
    CMT_TRY(cmt_db_flush(rw->copy, err));
    CMT_TRY(cmt_db__rewrite_step(rw, "flushed", err));
    CMT_TRY(read_back(rw, &read, err));
    CMT_TRY(tally_compare(&read, &written, err));
    return cmt_db__rewrite_step(rw, "verified", err);
}

/* ---- catching up ---------------------------------------------------------------------------------- */

typedef struct key_state {
    cmt_buf live;
    cmt_buf copy;
    cmt_status live_is; /* CMT_OK or CMT_NOT_FOUND */
    cmt_status copy_is;
} key_state;

static void key_state_free(key_state *k)
{
    cmt_buf_free(&k->live);
    cmt_buf_free(&k->copy);
}

static cmt_status look(cmt_db *db, cmt_slice key, cmt_buf *value, cmt_status *is, cmt_error *err)
{
    *is = cmt_db_get(db, key, value, err);
    return *is == CMT_NOT_FOUND ? CMT_OK : *is;
}

static cmt_status look_at_both(const cmt_db__rewrite *rw, cmt_slice key, key_state *k,
                               cmt_error *err)
{
    CMT_TRY(look(rw->db, key, &k->live, &k->live_is, err));
    return look(rw->copy, key, &k->copy, &k->copy_is, err);
}

static bool is_same(const key_state *k)
{
    return k->live_is == k->copy_is &&
           (k->live_is == CMT_NOT_FOUND ||
            cmt_slice_equal(cmt_buf_slice(&k->live), cmt_buf_slice(&k->copy)));
}

static cmt_status catch_up_with_key(cmt_db__rewrite *rw, cmt_slice key, key_state *k,
                                    cmt_db_batch *one, cmt_error *err)
{
    CMT_TRY(look_at_both(rw, key, k, err));
    rw->done_bytes += key.size + k->live.size;
    if (is_same(k))
        return CMT_OK;
    cmt_db_batch_clear(one);
    CMT_TRY(k->live_is == CMT_OK ? cmt_db_batch_put(one, key, cmt_buf_slice(&k->live), err)
                                 : cmt_db_batch_delete(one, key, err));
    rw->pairs += (uint64_t)(k->live_is == CMT_OK) - (uint64_t)(k->copy_is == CMT_OK);
    return cmt_db_write(rw->copy, one, false, err);
}

static cmt_status open_both(const cmt_db__rewrite *rw, cmt_range range, cmt_db_iter **live,
                            cmt_db_iter **copy, cmt_error *err)
{
    CMT_TRY(cmt_db_iter_new(rw->db, &range, live, err));
    cmt_status st = cmt_db_iter_new(rw->copy, &range, copy, err);
    if (st != CMT_OK) {
        cmt_db_iter_free(*live);
        *live = NULL;
    }
    return st;
}

static cmt_status catch_up_with_range(cmt_db__rewrite *rw, cmt_range range, cmt_error *err)
{
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *live = NULL;
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *copy = NULL;
    CMT_TRY(open_both(rw, range, &live, &copy, err));
    return make_equal(rw, live, copy, NULL, "catch up", err);
}

cmt_status cmt_db__rewrite_catch_up(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_AUTO(key_state_free) key_state k = {.live = CMT_BUF_INIT, .copy = CMT_BUF_INIT};
    cmt_db_batch *one;
    cmt_db__change change;
    uint64_t reported = 0;
    rw->done_bytes = 0;
    rw->result.catch_ups++;
    CMT_TRY(cmt_db_batch_new(&one, err));
    cmt_status st = CMT_OK;
    for (size_t offset = 0;
         st == CMT_OK && cmt_db__batch_next(rw->record.changes, &offset, &change);) {
        st = change.kind == CMT_DB__DELETE_RANGE
                 ? catch_up_with_range(rw, (cmt_range){change.key, change.value}, err)
                 : catch_up_with_key(rw, change.key, &k, one, err);
        if (st == CMT_OK && rw->done_bytes - reported >= rw->options.chunk_bytes) {
            reported = rw->done_bytes;
            st = cmt_db__rewrite_breathe(rw, "catch up", err);
        }
    }
    cmt_db_batch_free(one);
    return st;
}

/* ---- comparing ------------------------------------------------------------------------------------ */

static cmt_status compare_range(cmt_db__rewrite *rw, cmt_range range, bool *same, cmt_error *err)
{
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *live = NULL;
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *copy = NULL;
    CMT_TRY(open_both(rw, range, &live, &copy, err));
    walk w = {.rw = rw, .from = live, .to = copy};
    CMT_TRY(start(&w, err));
    while (*same && w.from_at == CMT_OK && w.to_at == CMT_OK) {
        *same = cmt_slice_equal(cmt_db_iter_key(live), cmt_db_iter_key(copy)) &&
                cmt_slice_equal(cmt_db_iter_value(live), cmt_db_iter_value(copy));
        CMT_TRY(advance(live, &w.from_at, err));
        CMT_TRY(advance(copy, &w.to_at, err));
    }
    *same = *same && w.from_at == w.to_at;
    return CMT_OK;
}

cmt_status cmt_db__rewrite_compare(cmt_db__rewrite *rw, cmt_error *err)
{
    CMT_AUTO(key_state_free) key_state k = {.live = CMT_BUF_INIT, .copy = CMT_BUF_INIT};
    cmt_db__change change;
    bool same = true;
    for (size_t offset = 0; same && cmt_db__batch_next(rw->record.changes, &offset, &change);) {
        if (change.kind == CMT_DB__DELETE_RANGE) {
            CMT_TRY(compare_range(rw, (cmt_range){change.key, change.value}, &same, err));
            continue;
        }
        CMT_TRY(look_at_both(rw, change.key, &k, err));
        same = is_same(&k);
    }
    if (same)
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "a key that was written last reads otherwise in the copy; the original "
                         "stays");
}
