/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts ranges into pieces of about so many stored bytes.
 */
#ifndef CMT_COMPACTOR_SLICES_H
#define CMT_COMPACTOR_SLICES_H

#include "spans.h"

/**
 * Where the first piece of @p span ends that holds about @p bytes: at least half of that and at most one and a half
 * of it, as far as single keys let it.  From table metadata; no data is read.
 *
 * @param cut   out: inside the span, above its lower bound; or its upper bound: the piece is all of it
 * @param held  out: bytes in the piece
 */
CMT_MUST_CHECK cmt_status cmt_compactor__cut(cmt_db *db, const cmt_compactor__span *span,
                                             uint64_t bytes, cmt_compactor__key *cut,
                                             uint64_t *held, cmt_error *err);

/** Join spans that have little between them: each costs several waits for the disk. */
CMT_MUST_CHECK cmt_status cmt_compactor__join_near(cmt_db *db, cmt_compactor__spans *spans,
                                                   cmt_error *err);

/** Stored bytes in all of them, about. */
CMT_MUST_CHECK cmt_status cmt_compactor__bytes_of(cmt_db *db, const cmt_compactor__spans *spans,
                                                  uint64_t *bytes, cmt_error *err);

#endif
