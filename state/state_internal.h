/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the state store share.
 */
#ifndef CMT_STATE_STATE_INTERNAL_H
#define CMT_STATE_STATE_INTERNAL_H

#include "cmtstore/state.h"

struct cmt_state_store {
    cmt_db *db;
    cmt_layout layout;
};

/** A family, named by its v1 form, in the store's layout. */
const cmt_key_family *cmt_state__family(const cmt_state_store *store, const cmt_key_family *family);

/** The record at @p height, decoded; @p info borrows from @p value.
 *  @retval CMT_NOT_FOUND  absent or empty */
CMT_MUST_CHECK cmt_status cmt_state__get_validators(cmt_state_store *store, int64_t height,
                                                    cmt_buf *value, cmt_validators_info *info,
                                                    cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_state__get_params(cmt_state_store *store, int64_t height,
                                                cmt_buf *value, cmt_params_info *info,
                                                cmt_error *err);

/** How much may be read to look for keys of @p family: a small one whole, little of a large one. */
CMT_MUST_CHECK cmt_status cmt_state__search_budget(cmt_state_store *store,
                                                   const cmt_key_family *family, uint64_t *bytes,
                                                   cmt_error *err);
#define CMT_STATE__SEARCH_SMALL ((uint64_t)4 << 20)

/** Records below what is kept that must outlive the prune, because others point at them. */
typedef struct cmt_state__kept {
    cmt_height_set validators;
    cmt_height_set params;
} cmt_state__kept;

/**
 * Find the kept records, and make full ones of those among them that are pointers themselves and
 * lie in [from,retain_height): they are appended to the puts of @p prune.
 */
CMT_MUST_CHECK cmt_status cmt_state__find_kept(cmt_state_store *store,
                                               const cmt_state_prune_request *request,
                                               cmt_state__kept *kept, cmt_state_prune *prune,
                                               cmt_error *err);

/** Params change rarely: what an interrupted prune left has pointers in it.  Records in full are what a
 *  finished prune kept for others, unless there are more of them than this. */
#define CMT_STATE__KEPT_MAX 100

/** Is this lastABCIResponsesRetainHeight, the one put that is no record of a height? */
bool cmt_state__is_marker(const cmt_key *key);

/** Append a record to the puts; @p value is taken over and left empty. */
CMT_MUST_CHECK cmt_status cmt_state__put(cmt_state_prune *prune, const cmt_key *key, cmt_buf *value,
                                         cmt_error *err);

#endif
