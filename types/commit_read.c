/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits with their signatures.
 */
#include "types_internal.h"

#include "encode.h"
#include "read.h"

#include <stdlib.h>

static cmt_status decode(cmt_slice bytes, cmt_commit *out, cmt_error *err)
{
    cmt_read_commit in = {0};
    CMT_TRY(cmt_types_read_commit(bytes, &in, err));
    CMT_TRY(cmt_types_take_commit(&in, out, err));
    if (in.signatures > 0) {
        out->signatures = calloc(in.signatures, sizeof *out->signatures);
        if (out->signatures == NULL)
            return cmt_error_set(err, CMT_NO_MEMORY, "Commit: no memory for %zu signatures",
                                 in.signatures);
    }
    return cmt_types_read_signatures(bytes, out, err);
}

cmt_status cmt_commit_read(cmt_slice bytes, cmt_commit *out, cmt_error *err)
{
    *out = (cmt_commit){0};
    if (bytes.size > CMT_RECORD_BYTES_MAX)
        return cmt_error_set(err, CMT_CORRUPT, "Commit: %zu bytes, more than it can have",
                             bytes.size);
    cmt_status st = decode(bytes, out, err);
    if (st != CMT_OK)
        cmt_commit_free(out);
    return st;
}

void cmt_commit_free(cmt_commit *commit)
{
    if (commit == NULL)
        return;
    free(commit->signatures);
    *commit = (cmt_commit){0};
}

cmt_status cmt_commit_encode(const cmt_commit *commit, cmt_buf *out)
{
    CMT_TRY(cmt_wire_start(out, cmt_encode_commit_size(commit)));
    return cmt_encode_commit_fields(commit, out);
}
