/* SPDX-License-Identifier: Apache-2.0
 *
 * What a source holds of one block: its bytes, its id, and who signed it.
 */
#include "sourced.h"

#include <inttypes.h>

void cmt_sourced_free(cmt_sourced *s)
{
    cmt_ext_commit_free(&s->ext_commit);
    cmt_commit_free(&s->commit);
    cmt_buf_free(&s->commit_bytes);
    cmt_part_set_free(s->parts);
    cmt_block_free(&s->block);
    cmt_buf_free(&s->bytes);
}

cmt_status cmt_sourced_missing(const char *what, int64_t height, cmt_error *err)
{
    return cmt_error_set(err, CMT_NOT_FOUND, "%s of height %" PRId64 " is not in the source", what,
                         height);
}

/* The id under which the chain knows the block is that of its bytes. */
static cmt_status check_id(const cmt_sourced *s, cmt_error *err)
{
    const cmt_block_id *id = &s->meta.block_id;
    cmt_block_id made = {
        .part_total = cmt_part_set_total(s->parts),
        .part_hash = cmt_part_set_hash(s->parts),
    };
    CMT_TRY(cmt_header_hash(&s->block.header, &made.hash, err));
    if (cmt_block_id_equal(&made, id))
        return CMT_OK;
    return cmt_error_set(err, CMT_CORRUPT,
                         "the source's block %" PRId64 " is not the one that its meta names",
                         s->block.header.height);
}

static cmt_status load_block(cmt_block_store *store, int64_t height, cmt_sourced *s, cmt_error *err)
{
    cmt_status st = cmt_block_store_load_meta(store, height, &s->meta, err);
    if (st == CMT_OK)
        st = cmt_block_store_load_block(store, height, &s->bytes, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the block", height, err);
    CMT_TRY(st);
    st = cmt_block_decode(cmt_buf_slice(&s->bytes), &s->block, err);
    if (st != CMT_OK)
        return cmt_error_prefix(err, st, "the source's block %" PRId64, height);
    CMT_TRY(cmt_part_set_new(cmt_buf_slice(&s->bytes), &s->parts, err));
    return check_id(s, err);
}

static cmt_status load_ext_commit(cmt_block_store *store, int64_t height, cmt_sourced *s,
                                  cmt_error *err)
{
    cmt_status st = cmt_block_store_load_ext_commit(store, height, &s->commit_bytes, NULL, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("the extended commit", height, err);
    CMT_TRY(st);
    CMT_TRY(cmt_ext_commit_read(cmt_buf_slice(&s->commit_bytes), &s->ext_commit, err));
    s->decided.ext_commit = &s->ext_commit;
    return CMT_OK;
}

/* The commit seen, else the one that the next block carries. */
static cmt_status load_commit(cmt_block_store *store, int64_t height, cmt_sourced *s,
                              cmt_error *err)
{
    cmt_status st = cmt_block_store_load_seen_commit(store, height, &s->commit_bytes, NULL, err);
    if (st == CMT_NOT_FOUND)
        st = cmt_block_store_load_commit(store, height, &s->commit_bytes, NULL, err);
    if (st == CMT_NOT_FOUND)
        return cmt_sourced_missing("a commit", height, err);
    CMT_TRY(st);
    CMT_TRY(cmt_commit_read(cmt_buf_slice(&s->commit_bytes), &s->commit, err));
    s->decided.seen_commit = &s->commit;
    return CMT_OK;
}

cmt_status cmt_sourced_load(cmt_block_store *store, int64_t height, bool extensions,
                            cmt_sourced *out, cmt_error *err)
{
    CMT_TRY(load_block(store, height, out, err));
    if (extensions)
        CMT_TRY(load_ext_commit(store, height, out, err));
    else
        CMT_TRY(load_commit(store, height, out, err));
    out->decided.block = &out->block;
    out->decided.parts = out->parts;
    out->decided.id = out->meta.block_id;
    return CMT_OK;
}
