/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a block store: telling that it is one, its layout, base and height.
 */
#include "store_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)
CMT_DEFINE_CLEANUP(cmt_db_batch, cmt_db_batch_free)
CMT_DEFINE_CLEANUP(cmt_block_store, cmt_block_store_close)

static const cmt_key_family *const families[] = {&cmt_family_meta, &cmt_family_part,
                                                 &cmt_family_commit, &cmt_family_seen_commit,
                                                 &cmt_family_ext_commit};

/* Source: CometBFT 1.0 store/db_key_layout.go: prefixes 0 to 5 */
static const cmt_layout_keys layout_keys = {"block store", families,
                                            sizeof families / sizeof families[0], 0x80, 0x85};

/* Without the root record (or with an empty one) only a store in which nothing was saved yet is
 * one: empty, stamped by a CometBFT >= 1.0, or state-synced (a seen commit, no block). */
static cmt_status check_without_root(cmt_block_store *store, cmt_error *err)
{
    if (store->layout.used &&
        (store->layout.layout == CMT_KEY_LAYOUT_V1 || store->layout.has_version))
        return CMT_OK;
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(store->db, NULL, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    while (st == CMT_OK && (cmt_slice_equal(cmt_db_iter_key(iter), CMT_SLICE("version")) ||
                            cmt_slice_equal(cmt_db_iter_key(iter), CMT_SLICE("blockStore"))))
        st = cmt_db_iter_next(iter, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    char text[64];
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "not a CometBFT block store: no blockStore record, but a key %s",
                         cmt_key_describe(cmt_db_iter_key(iter), text, sizeof text));
}

static cmt_status read_root(cmt_block_store *store, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf stored = CMT_BUF_INIT;
    cmt_status st = cmt_db_get(store->db, CMT_SLICE("blockStore"), &stored, err);
    if (st == CMT_NOT_FOUND || (st == CMT_OK && stored.size == 0))
        return check_without_root(store, err);
    CMT_TRY(st);
    st = cmt_block_store_state_decode(cmt_buf_slice(&stored), &store->state, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "block store: blockStore record");
    CMT_AUTO(cmt_buf_free) cmt_buf written = CMT_BUF_INIT;
    if (cmt_block_store_state_encode(store->state, &written) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a block store");
    store->stored_otherwise = !cmt_slice_equal(cmt_buf_slice(&stored), cmt_buf_slice(&written));
    return CMT_OK;
}

cmt_status cmt_block_store_open(cmt_db *db, cmt_block_store **out, cmt_error *err)
{
    *out = NULL;
    CMT_AUTO(cmt_block_store_close_cleanup) cmt_block_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a block store");
    store->db = db;
    cmt_store__shared_open(store);
    CMT_TRY(cmt_layout_detect(db, &layout_keys, &store->layout, err));
    CMT_TRY(read_root(store, err));
    *out = store;
    store = NULL; /* handed over */
    return CMT_OK;
}

/* ---- for writing ------------------------------------------------------------------------- */

static cmt_status choose_layout(cmt_block_store *store, cmt_error *err)
{
    const cmt_block_store_options *options = &store->options;
    if (!store->layout.used)
        store->layout.layout =
            options->layout == CMT_KEY_LAYOUT_V2 ? CMT_KEY_LAYOUT_V2 : CMT_KEY_LAYOUT_V1;
    if (store->layout.layout == CMT_KEY_LAYOUT_V2 && !options->write_version)
        return cmt_error_set(err, CMT_INVALID,
                             "block store: layout v2 is of CometBFT 1.0 and later, which writes a "
                             "version key; it cannot be written as an older version does");
    return CMT_OK;
}

/* Source: CometBFT >= 1.0 store/store.go setDBLayout */
static cmt_status write_version(cmt_block_store *store, cmt_error *err)
{
    bool v2 = store->layout.layout == CMT_KEY_LAYOUT_V2;
    CMT_AUTO(cmt_db_batch_free_cleanup) cmt_db_batch *batch = NULL;
    CMT_TRY(cmt_db_batch_new(&batch, err));
    CMT_TRY(
        cmt_db_batch_put(batch, CMT_SLICE("version"), v2 ? CMT_SLICE("v2") : CMT_SLICE("v1"), err));
    CMT_TRY(cmt_db_write(store->db, batch, true, err));
    store->layout.has_version = true;
    return CMT_OK;
}

cmt_status cmt_block_store_open_for_writing(cmt_db *db, const cmt_block_store_options *options,
                                            cmt_block_store **out, cmt_error *err)
{
    *out = NULL;
    if ((cmt_db_capabilities(db) & CMT_DB_WRITABLE) == 0)
        return cmt_error_set(err, CMT_UNSUPPORTED, "block store: it is open for reading only");
    CMT_AUTO(cmt_block_store_close_cleanup) cmt_block_store *store = NULL;
    CMT_TRY(cmt_block_store_open(db, &store, err));
    if (options != NULL)
        store->options = *options;
    CMT_TRY(choose_layout(store, err));
    if (store->options.write_version)
        CMT_TRY(write_version(store, err));
    *out = store;
    store = NULL; /* handed over */
    return CMT_OK;
}

void cmt_block_store_close(cmt_block_store *store)
{
    if (store != NULL)
        cmt_store__shared_close(store);
    free(store);
}

cmt_key_layout cmt_block_store_layout(const cmt_block_store *store)
{
    return store->layout.layout;
}

bool cmt_block_store_has_version(const cmt_block_store *store)
{
    return store->layout.has_version;
}

const cmt_key_family *cmt_store__family(const cmt_block_store *store, const cmt_key_family *family)
{
    return cmt_key_family_in(family, store->layout.layout);
}
