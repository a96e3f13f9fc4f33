/* SPDX-License-Identifier: Apache-2.0
 *
 * A state store opened for writing, and the small steps that all writing is made of.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <string.h>

CMT_DEFINE_CLEANUP(cmt_state_store, cmt_state_store_close)
CMT_DEFINE_CLEANUP(cmt_db_batch, cmt_db_batch_free)

static cmt_status check_options(const cmt_state_store_options *options, cmt_error *err)
{
    if (options->write_version && options->release != CMT_RELEASE_1_0)
        return cmt_error_set(err, CMT_INVALID,
                             "state store: only releases from 1.0 on write a version key");
    if (options->layout == CMT_KEY_LAYOUT_V2 && !options->write_version)
        return cmt_error_set(err, CMT_INVALID,
                             "state store: layout v2 is told by the version key; no node would "
                             "find what is written without it");
    return CMT_OK;
}

/* Once there is a state, or a key with a height, the layout is as it is.
 * Source: state/store.go setDBKeyLayout */
static cmt_status choose_layout(cmt_state_store *store, cmt_error *err)
{
    const cmt_state_store_options *options = &store->options;
    CMT_AUTO(cmt_buf_free) cmt_buf root = CMT_BUF_INIT;
    cmt_status st = cmt_state__get_single(store, "stateKey", &root, err);
    if (st == CMT_NOT_FOUND && !store->layout.used)
        store->layout.layout = options->layout != 0 ? options->layout : CMT_KEY_LAYOUT_V1;
    else if (st != CMT_NOT_FOUND)
        CMT_TRY(st);
    if (!options->write_version)
        return CMT_OK;
    cmt_slice v1 = CMT_SLICE("v1");
    cmt_slice v2 = CMT_SLICE("v2");
    CMT_TRY(cmt_state__put_single(store, "version",
                                  store->layout.layout == CMT_KEY_LAYOUT_V2 ? v2 : v1, err));
    store->layout.has_version = true;
    return CMT_OK;
}

cmt_status cmt_state_store_open_for_writing(cmt_db *db, const cmt_state_store_options *options,
                                            cmt_state_store **out, cmt_error *err)
{
    *out = NULL;
    CMT_TRY(check_options(options, err));
    if ((cmt_db_capabilities(db) & CMT_DB_WRITABLE) == 0)
        return cmt_error_set(err, CMT_UNSUPPORTED,
                             "state store: the database is open for reading only");
    CMT_AUTO(cmt_state_store_close_cleanup) cmt_state_store *store = NULL;
    CMT_TRY(cmt_state_store_open(db, &store, err));
    store->written = true;
    store->options = *options;
    CMT_TRY(choose_layout(store, err));
    *out = store;
    store = NULL; /* handed over */
    return CMT_OK;
}

cmt_status cmt_state__writable(const cmt_state_store *store, cmt_error *err)
{
    if (store->written)
        return CMT_OK;
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "state store: it was opened for reading; use "
                         "cmt_state_store_open_for_writing()");
}

static void pass(const cmt_state_store *store, const char *point)
{
    if (store->options.fail_point != NULL && point != NULL)
        store->options.fail_point(store->options.fail_context, point);
}

cmt_status cmt_state__write(cmt_state_store *store, const cmt_db_batch *batch, const char *before,
                            const char *after, cmt_error *err)
{
    pass(store, before);
    CMT_TRY(cmt_db_write(store->db, batch, true, err));
    pass(store, after);
    return CMT_OK;
}

cmt_status cmt_state__put_single(cmt_state_store *store, const char *key, cmt_slice value,
                                 cmt_error *err)
{
    CMT_AUTO(cmt_db_batch_free_cleanup) cmt_db_batch *batch = NULL;
    cmt_slice slice = {(const uint8_t *)key, strlen(key)};
    CMT_TRY(cmt_db_batch_new(&batch, err));
    if (value.size > 0)
        CMT_TRY(cmt_db_batch_put(batch, slice, value, err));
    else
        CMT_TRY(cmt_db_batch_delete(batch, slice, err));
    return cmt_state__write(store, batch, NULL, NULL, err);
}

cmt_status cmt_state__put_height(cmt_state_store *store, const char *key, int64_t height,
                                 cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    if (cmt_signed_varint_encode(height, &value) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "state store: no memory for %s", key);
    return cmt_state__put_single(store, key, cmt_buf_slice(&value), err);
}

cmt_status cmt_state__add(const cmt_state_store *store, const cmt_key_family *family,
                          int64_t height, cmt_slice value, cmt_db_batch *batch, cmt_error *err)
{
    cmt_key key = cmt_key_make(cmt_state__family(store, family), height, 0);
    return cmt_db_batch_put(batch, cmt_key_slice(&key), value, err);
}
