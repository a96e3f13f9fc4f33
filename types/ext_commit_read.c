/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended commits with their signatures, decoded and encoded.  Fields 1 to 4 are those of a commit,
 * and so are fields 1 to 4 of a signature.
 */
#include "types_internal.h"

#include "encode.h"
#include "read.h"

#include <stdlib.h>

/* ---- reading ----------------------------------------------------------------------------- */

static cmt_status read_extension(cmt_slice bytes, cmt_ext_commit_sig *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ExtendedCommitSig", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number == 5)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->extension, err));
        else if (f.number == 6)
            CMT_TRY(cmt_wire_get_bytes(&r, &f, &out->extension_signature, err));
    }
    CMT_TRY(cmt_wire_end(&r, err));
    return cmt_types_check_extension(out->sig.flag, out->extension.size,
                                     out->extension_signature.size, err);
}

static cmt_status read_signatures(cmt_slice bytes, cmt_ext_commit *out, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read("ExtendedCommit", bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
        if (f.number != 4)
            continue;
        cmt_ext_commit_sig *sig = &out->signatures[out->count];
        cmt_status st = cmt_types_read_signature(f.bytes, &sig->sig, err);
        if (st == CMT_OK)
            st = read_extension(f.bytes, sig, err);
        if (st != CMT_OK)
            return cmt_error_prefix(err, st, "signature %zu", out->count);
        out->count++;
    }
    return cmt_wire_end(&r, err);
}

static cmt_status decode(cmt_slice bytes, cmt_ext_commit *out, cmt_error *err)
{
    cmt_read_commit in = {0};
    cmt_commit common = {0};
    CMT_TRY(cmt_types_read_commit(bytes, &in, err));
    CMT_TRY(cmt_types_take_commit(&in, &common, err));
    out->height = common.height;
    out->round = common.round;
    out->block_id = common.block_id;
    if (in.signatures > 0) {
        out->signatures = calloc(in.signatures, sizeof *out->signatures);
        if (out->signatures == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "no memory for %zu signatures", in.signatures);
    }
    return read_signatures(bytes, out, err);
}

cmt_status cmt_ext_commit_read(cmt_slice bytes, cmt_ext_commit *out, cmt_error *err)
{
    *out = (cmt_ext_commit){0};
    if (bytes.size > CMT_RECORD_BYTES_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "ExtendedCommit: %zu bytes, more than it can have",
                             bytes.size);
    cmt_status st = decode(bytes, out, err);
    if (st == CMT_OK)
        return CMT_OK;
    cmt_ext_commit_free(out);
    return cmt_error_prefix(err, st, "ExtendedCommit");
}

void cmt_ext_commit_free(cmt_ext_commit *commit)
{
    if (commit == NULL)
        return;
    free(commit->signatures);
    *commit = (cmt_ext_commit){0};
}

/* ---- writing ----------------------------------------------------------------------------- */

static size_t signature_size(const cmt_ext_commit_sig *s)
{
    return cmt_encode_commit_sig_size(&s->sig) + cmt_wire_size_bytes(5, s->extension.size) +
           cmt_wire_size_bytes(6, s->extension_signature.size);
}

static size_t commit_size(const cmt_ext_commit *c)
{
    size_t size = cmt_wire_size_int64(1, c->height) + cmt_wire_size_int64(2, c->round);
    size += cmt_wire_size_message(3, cmt_encode_block_id_size(&c->block_id));
    for (size_t i = 0; i < c->count; i++)
        size += cmt_wire_size_message(4, signature_size(&c->signatures[i]));
    return size;
}

static cmt_status write_signature(const cmt_ext_commit_sig *s, cmt_buf *out)
{
    CMT_TRY(cmt_wire_put_head(out, 4, signature_size(s)));
    CMT_TRY(cmt_encode_commit_sig_fields(&s->sig, out));
    CMT_TRY(cmt_wire_put_bytes(out, 5, s->extension));
    return cmt_wire_put_bytes(out, 6, s->extension_signature);
}

cmt_status cmt_ext_commit_encode(const cmt_ext_commit *commit, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, commit_size(commit)));
    CMT_TRY(cmt_wire_put_int64(out, 1, commit->height));
    CMT_TRY(cmt_wire_put_int64(out, 2, commit->round));
    CMT_TRY(cmt_encode_block_id(3, &commit->block_id, out));
    for (size_t i = 0; i < commit->count; i++)
        CMT_TRY(write_signature(&commit->signatures[i], out));
    return CMT_OK;
}
