/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node keeps of the genesis: the document until 0.40, its hash from 1.0 on.
 */
#include "state_internal.h"

#include "cleanup.h"
#include "cmtstore/types_hash.h"

#define DOCUMENT_KEY "genesisDoc"
#define HASH_KEY "genesisDocHash"

static cmt_status save_hash(cmt_state_store *store, cmt_slice json, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf stored = CMT_BUF_INIT;
    cmt_hash hash;
    CMT_TRY(cmt_sha256(json, &hash, err));
    cmt_slice made = cmt_hash_slice(&hash);
    cmt_status st = cmt_state__get_single(store, HASH_KEY, &stored, err);
    if (st == CMT_OK && !cmt_slice_equal(cmt_buf_slice(&stored), made))
        return cmt_error_set(err, CMT_CORRUPT,
                             "state store: " HASH_KEY " is of another genesis file than this one");
    if (st == CMT_NOT_FOUND)
        st = cmt_state__put_single(store, HASH_KEY, made, err);
    CMT_TRY(st);
    return cmt_state__put_single(store, DOCUMENT_KEY, (cmt_slice){NULL, 0}, err);
}

static cmt_status save_document(cmt_state_store *store, cmt_slice json, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf value = CMT_BUF_INIT;
    cmt_status st = cmt_state__get_single(store, DOCUMENT_KEY, &value, err);
    if (st != CMT_NOT_FOUND)
        return st;
    CMT_TRY(cmt_genesis_rewrite(json, store->options.release, &value, err));
    return cmt_state__put_single(store, DOCUMENT_KEY, cmt_buf_slice(&value), err);
}

cmt_status cmt_state_store_save_genesis(cmt_state_store *store, cmt_slice json, cmt_error *err)
{
    CMT_TRY(cmt_state__writable(store, err));
    if (store->options.release != CMT_RELEASE_1_0)
        return save_document(store, json, err);
    cmt_genesis genesis;
    CMT_TRY(cmt_genesis_decode(json, store->options.release, &genesis, err));
    cmt_genesis_free(&genesis);
    return save_hash(store, json, err);
}
