/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash index, `BH:<hash>` -> height, and how a prune takes dead blocks out of it.  In layout v2 a
 * key is the tuple (5, hash): the hash's bytes, 00 written as 00 FF and FF as FF 00, ended by 00 01.
 *
 * Its keys stand in the order of hashes, so dead ones are spread over all of it.  Either they are
 * listed one by one, with the hashes from the metas of the dead blocks: cheap when few die.  Or all
 * of the index is read and each value judged: the only way to find what a hash no longer tells.
 */
#include "store_internal.h"

#include "cleanup.h"
#include "wire.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

CMT_DEFINE_CLEANUP(cmt_db_iter, cmt_db_iter_free)

/* More are not listed: the list is held in memory. */
#define LISTED_MAX 200000

/* How much of an index is rewritten rather than left with deletions. */
#define RECLAIM_FACTOR 4
#define RECLAIM_BYTES ((uint64_t)4 << 20)

cmt_range cmt_block_hash_range(cmt_key_layout layout)
{
    if (layout == CMT_KEY_LAYOUT_V2)
        return (cmt_range){CMT_SLICE("\x85"), CMT_SLICE("\x86")};
    return (cmt_range){CMT_SLICE("BH:"), CMT_SLICE("BH;")};
}

static void put_byte(cmt_store__hash_key *key, int byte)
{
    key->bytes[key->size++] = (uint8_t)byte;
}

cmt_store__hash_key cmt_store__make_hash_key(cmt_key_layout layout, cmt_slice hash)
{
    static const char digits[] = "0123456789abcdef";
    cmt_slice prefix = cmt_block_hash_range(layout).lo;
    cmt_store__hash_key key = {.size = (uint8_t)prefix.size};
    memcpy(key.bytes, prefix.data, prefix.size);
    for (size_t i = 0; i < CMT_HASH_SIZE; i++) {
        uint8_t byte = hash.data[i];
        if (layout == CMT_KEY_LAYOUT_V1) {
            put_byte(&key, digits[byte >> 4]);
            put_byte(&key, digits[byte & 15]);
            continue;
        }
        put_byte(&key, byte);
        if (byte == 0x00 || byte == 0xff)
            put_byte(&key, 0xff - byte);
    }
    if (layout == CMT_KEY_LAYOUT_V2) {
        put_byte(&key, 0x00);
        put_byte(&key, 0x01);
    }
    return key;
}

cmt_slice cmt_block_prune_hash(const cmt_block_prune *prune, size_t i)
{
    const cmt_store__hash_key *keys = (const cmt_store__hash_key *)prune->hashes.data;
    return (cmt_slice){keys[i].bytes, keys[i].size};
}

static bool parse_height(cmt_slice value, int64_t *height)
{
    if (value.size == 0 || value.data[0] == '0')
        return false;
    int64_t h = 0;
    for (size_t i = 0; i < value.size; i++) {
        int digit = value.data[i] - '0';
        if (digit < 0 || digit > 9 || h > (INT64_MAX - digit) / 10)
            return false;
        h = 10 * h + digit;
    }
    *height = h;
    return true;
}

cmt_status cmt_store__hash_value(cmt_slice key, cmt_slice value, int64_t *height, cmt_error *err)
{
    if (parse_height(value, height))
        return CMT_OK;
    char key_text[96];
    char value_text[32];
    return cmt_error_set(err, CMT_CORRUPT, "the value of %s is \"%s\", not a height",
                         cmt_key_describe(key, key_text, sizeof key_text),
                         cmt_key_describe(value, value_text, sizeof value_text));
}

/* ---- listing ----------------------------------------------------------------------------- */

/* Only the block id's hash is of interest here. */
static cmt_status read_hash(cmt_slice meta, cmt_slice *hash, cmt_error *err)
{
    cmt_slice id = {NULL, 0};
    cmt_wire_field f;
    cmt_wire_reader r = cmt_wire_read("BlockMeta", meta);
    while (cmt_wire_next(&r, &f))
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &id, err));
    CMT_TRY(cmt_wire_end(&r, err));

    *hash = (cmt_slice){NULL, 0};
    r = cmt_wire_read("BlockID", id);
    while (cmt_wire_next(&r, &f))
        if (f.number == 1)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, hash, err));
    CMT_TRY(cmt_wire_end(&r, err));
    if (hash->size != CMT_HASH_SIZE)
        return cmt_error_set(err, CMT_CORRUPT, "BlockMeta: block hash of %zu bytes", hash->size);
    return CMT_OK;
}

static cmt_status list_meta(const cmt_db_iter *iter, int64_t height, cmt_block_prune *prune,
                            cmt_error *err)
{
    cmt_slice hash;
    cmt_status st = read_hash(cmt_db_iter_value(iter), &hash, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "block meta %" PRId64, height);
    cmt_store__hash_key key = cmt_store__make_hash_key(prune->layout, hash);
    if (cmt_buf_append(&prune->hashes, &key, sizeof key) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for the hashes of dead blocks");
    prune->hash_count++;
    return CMT_OK;
}

static cmt_status list_range(cmt_block_store *store, const cmt_range *range, cmt_block_prune *prune,
                             cmt_error *err)
{
    CMT_AUTO(cmt_db_iter_free_cleanup) cmt_db_iter *iter = NULL;
    CMT_TRY(cmt_db_iter_new(store->db, range, &iter, err));
    cmt_status st = cmt_db_iter_first(iter, err);
    for (; st == CMT_OK; st = cmt_db_iter_next(iter, err)) {
        int64_t height;
        if (cmt_key_parse(cmt_store__family(store, &cmt_family_meta), cmt_db_iter_key(iter),
                          &height, NULL) &&
            height >= prune->base && height < prune->retain_height)
            CMT_TRY(list_meta(iter, height, prune, err));
    }
    return st == CMT_NOT_FOUND ? CMT_OK : st;
}

/* No key begins with another: the zeroes behind shorter ones decide nothing. */
static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(cmt_store__hash_key));
}

static void sort_list(cmt_block_prune *prune)
{
    cmt_store__hash_key *keys = (cmt_store__hash_key *)prune->hashes.data;
    size_t count = 0;
    if (prune->hash_count == 0)
        return;
    qsort(keys, prune->hash_count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < prune->hash_count; i++)
        if (count == 0 || compare_keys(&keys[count - 1], &keys[i]) != 0)
            keys[count++] = keys[i];
    prune->hash_count = count;
    prune->hashes.size = count * sizeof *keys;
}

/* *complete becomes false when a dead block has no meta any more, so that its hash is unknown. */
static cmt_status list_hashes(cmt_block_store *store, const cmt_range_list *metas,
                              cmt_block_prune *prune, bool *complete, cmt_error *err)
{
    for (size_t i = 0; i < metas->count; i++)
        CMT_TRY(list_range(store, &metas->ranges[i], prune, err));
    *complete = (int64_t)prune->hash_count == prune->retain_height - prune->base;
    sort_list(prune);
    return CMT_OK;
}

/* ---- deciding ---------------------------------------------------------------------------- */

/* Where the metas of the blocks [base,retain_height) stand. */
static cmt_status meta_ranges(const cmt_block_store *store, const cmt_height_set *leftover_metas,
                              const cmt_block_prune *prune, cmt_range_list *out)
{
    cmt_heights dying = {prune->base, prune->retain_height};
    cmt_height_set dead = {&dying, dying.lo < dying.hi, 1};
    CMT_AUTO(cmt_height_set_free) cmt_height_set live = {NULL, 0, 0};
    for (size_t i = 0; i < leftover_metas->count; i++)
        CMT_TRY(cmt_height_set_add(&live, leftover_metas->runs[i].lo, leftover_metas->runs[i].hi));
    CMT_TRY(cmt_height_set_add(&live, prune->retain_height, cmt_store__live_end(store)));
    return cmt_key_ranges(cmt_store__family(store, &cmt_family_meta), &dead, &live, out);
}

static cmt_status listing_is_cheaper(cmt_block_store *store, const cmt_range_list *metas,
                                     bool reclaim, bool *cheaper, cmt_error *err)
{
    uint64_t index_bytes;
    uint64_t meta_bytes = 0;
    CMT_TRY(cmt_db_approximate_bytes(store->db, cmt_block_hash_range(store->layout.layout),
                                     &index_bytes, err));
    for (size_t i = 0; i < metas->count; i++) {
        uint64_t bytes;
        CMT_TRY(cmt_db_approximate_bytes(store->db, metas->ranges[i], &bytes, err));
        meta_bytes += bytes;
    }
    /* Listing leaves deletions behind.  Who wants the space back rewrites the index while that
     * costs little more than the metas. */
    *cheaper = meta_bytes < index_bytes &&
               !(reclaim && index_bytes < RECLAIM_FACTOR * meta_bytes + RECLAIM_BYTES);
    return CMT_OK;
}

/* The index loses a block's key when its parts go, so leftovers are as many as those of parts. */
static cmt_status judge_by_value(const cmt_block_store *store,
                                 const cmt_block_prune_request *request,
                                 const cmt_height_set *leftover_parts, cmt_block_prune *prune)
{
    double leftovers = 0;
    for (size_t i = 0; i < leftover_parts->count; i++)
        leftovers += (double)(leftover_parts->runs[i].hi - leftover_parts->runs[i].lo);
    double dead = (double)(prune->retain_height - prune->base) + (request->sweep ? leftovers : 0);
    prune->hash_share =
        dead / ((double)(cmt_block_store_height(store) - prune->base + 1) + leftovers);
    prune->hash_by_value = true;
    cmt_buf_clear(&prune->hashes);
    prune->hash_count = 0;
    return request->sweep ? cmt_height_set_add(&prune->dead_hash, 0, prune->base) : CMT_OK;
}

/* Try to list; *listed becomes false when the index has to be read instead. */
static cmt_status try_list(cmt_block_store *store, const cmt_height_set *leftover_metas,
                           bool reclaim, cmt_block_prune *prune, bool *listed, cmt_error *err)
{
    *listed = false;
    if (prune->leftovers || prune->retain_height - prune->base > LISTED_MAX)
        return CMT_OK;
    CMT_AUTO(cmt_range_list_free) cmt_range_list metas = {NULL, 0, 0};
    if (meta_ranges(store, leftover_metas, prune, &metas) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for key ranges");
    bool cheaper;
    CMT_TRY(listing_is_cheaper(store, &metas, reclaim, &cheaper, err));
    return cheaper ? list_hashes(store, &metas, prune, listed, err) : CMT_OK;
}

cmt_status cmt_store__plan_hashes(cmt_block_store *store, const cmt_block_prune_request *request,
                                  const cmt_store__leftovers *left, cmt_block_prune *prune,
                                  cmt_error *err)
{
    if (!prune->base_moves && !prune->leftovers)
        return CMT_OK;
    bool listed = false;
    if (!request->from_headers)
        CMT_TRY(try_list(store, &left->meta, request->reclaim, prune, &listed, err));
    cmt_status st = cmt_height_set_add(&prune->dead_hash, prune->base, prune->retain_height);
    if (st == CMT_OK && request->from_headers && request->sweep && prune->leftovers)
        st = cmt_height_set_add(&prune->dead_hash, 0, prune->base);
    if (st == CMT_OK && !request->from_headers && !listed)
        st = judge_by_value(store, request, &left->part, prune);
    return st == CMT_OK ? CMT_OK
                        : cmt_error_set(err, st, "no memory for the heights of dead blocks");
}
