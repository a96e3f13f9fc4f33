/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a state store and reading its single records.
 */
#include "state_internal.h"

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)
CMT_DEFINE_CLEANUP(cmt_state_store, cmt_state_store_close)

static const cmt_key_family *const families[] = {&cmt_family_validators, &cmt_family_params,
                                                 &cmt_family_results};

/* Source: CometBFT 1.0 state/store.go: prefixes 6 to 8 */
static const cmt_layout_keys layout_keys = {"state store", families,
                                            sizeof families / sizeof families[0], 0x86, 0x88};

/* What a state store may hold before the first state is saved. */
static bool is_single_key(cmt_slice key)
{
    static const char *const known[] = {
        "version",
        "genesisDoc",
        "genesisDocHash",
        "offlineStateSyncHeightKey",
        "lastABCIResponseKey",
        "AppRetainHeightKey",
        "DCBlockRetainHeightKey",
        "ABCIResRetainHeightKey",
        "lastABCIResponsesRetainHeight",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (key.size == strlen(known[i]) && memcmp(key.data, known[i], key.size) == 0)
            return true;
    return false;
}

static cmt_status check_without_root(cmt_state_store *store, cmt_error *err)
{
    if (store->layout.used &&
        (store->layout.layout == CMT_KEY_LAYOUT_V1 || store->layout.has_version))
        return CMT_OK;
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(store->db, NULL, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    while (st == CMT_OK && is_single_key(cmt_db_iter_key(iter)))
        st = cmt_db_iter_next(iter, err);
    if (st == CMT_NOT_FOUND)
        return CMT_OK;
    CMT_TRY(st);
    char text[64];
    return cmt_error_set(err, CMT_UNSUPPORTED,
                         "not a CometBFT state store: no stateKey record, but a key %s",
                         cmt_key_describe(cmt_db_iter_key(iter), text, sizeof text));
}

cmt_status cmt_state__get_single(cmt_state_store *store, const char *key, cmt_buf *out,
                                 cmt_error *err)
{
    cmt_slice slice = {(const uint8_t *)key, strlen(key)};
    CMT_TRY(cmt_db_get(store->db, slice, out, err));
    return out->size > 0 ? CMT_OK : CMT_NOT_FOUND;
}

cmt_status cmt_state_store_open(cmt_db *db, cmt_state_store **out, cmt_error *err)
{
    *out = NULL;
    CMT_AUTO(cmt_state_store_close_cleanup) cmt_state_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a state store");
    store->db = db;
    cmt_state__shared_open(store);
    CMT_TRY(cmt_layout_detect(db, &layout_keys, &store->layout, err));
    CMT_AUTO(cmt_buf_free) cmt_buf root = CMT_BUF_INIT;
    cmt_status st = cmt_state__get_single(store, "stateKey", &root, err);
    if (st == CMT_NOT_FOUND)
        st = check_without_root(store, err);
    CMT_TRY(st);
    *out = store;
    store = NULL; /* handed over */
    return CMT_OK;
}

void cmt_state_store_close(cmt_state_store *store)
{
    if (store != NULL)
        cmt_state__shared_close(store);
    free(store);
}

cmt_key_layout cmt_state_store_layout(const cmt_state_store *store)
{
    return store->layout.layout;
}

bool cmt_state_store_has_version(const cmt_state_store *store)
{
    return store->layout.has_version;
}

const cmt_key_family *cmt_state__family(const cmt_state_store *store, const cmt_key_family *family)
{
    return cmt_key_family_in(family, store->layout.layout);
}

cmt_status cmt_state_store_load(cmt_state_store *store, cmt_state *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_state__get_single(store, "stateKey", &value, err));
    cmt_status st = cmt_state_decode(cmt_buf_slice(&value), out, err);
    return st == CMT_OK ? CMT_OK : cmt_error_prefix(err, st, "state store: stateKey record");
}

cmt_status cmt_state__get_height(cmt_state_store *store, const char *key, int64_t *out,
                                 cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    CMT_TRY(cmt_state__get_single(store, key, &value, err));
    int64_t height;
    cmt_status st = cmt_signed_varint_decode(cmt_buf_slice(&value), &height, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "state store: %s", key);
    if (height < 0)
        return cmt_error_set(err, CMT_CORRUPT, "state store: %s is %" PRId64, key, height);
    *out = height;
    return CMT_OK;
}
