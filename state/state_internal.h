/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the state store share.
 */
#ifndef CMT_STATE_STATE_INTERNAL_H
#define CMT_STATE_STATE_INTERNAL_H

#include "cmtstore/state_retain.h"

#include <pthread.h>

struct cmt_state_store {
    cmt_db *db;
    cmt_layout layout; /* as it was opened */
    bool written;      /* opened for writing; `options` then say how */
    cmt_state_store_options options;
    pthread_mutex_t heights; /* see shared.c, as for what follows */
    pthread_mutex_t lock;
    pthread_cond_t lifted; /* the ceiling */
    /* lock */
    bool pruning;
    int64_t ceiling; /* no record of this height or above may be written now; INT64_MAX: any may */
    int64_t highest; /* of the records that this handle has written, or is about to */
    int64_t validators_gone; /* below, prunes by this handle have removed them, or are about to */
    int64_t params_gone;
};

/* ---- between threads (shared.c) ------------------------------------------------------------ */

void cmt_state__shared_open(cmt_state_store *store);
void cmt_state__shared_close(cmt_state_store *store);

/** Only one may prune.  Until cmt_state__end_prune() no record is written from cmt_state__live_end() of *last_height
 *  on: ranges that are deleted run over what lies there.
 *  @param last_height  in: as asked for; out: raised to what was written meanwhile
 *  @retval CMT_BUSY    somebody else prunes */
CMT_MUST_CHECK cmt_status cmt_state__begin_prune(cmt_state_store *store, int64_t *last_height,
                                                 cmt_error *err);
void cmt_state__end_prune(cmt_state_store *store);
/** Wait until records of @p height may be written. */
void cmt_state__wait_below_ceiling(cmt_state_store *store, int64_t height);
/** From now on records below these heights may be gone, what they are resolved by before them. */
void cmt_state__going(cmt_state_store *store, int64_t validators, int64_t params);
/** Is a record of @p height that nothing resolves one that a prune has removed meanwhile?  @p family: in layout v1 */
bool cmt_state__may_be_going(cmt_state_store *store, const cmt_key_family *family, int64_t height);

/** The height from which on no record is taken to exist where none is above @p last. */
int64_t cmt_state__live_end(int64_t last);

/** The value of a key that carries no height.
 *  @retval CMT_NOT_FOUND  absent or empty */
CMT_MUST_CHECK cmt_status cmt_state__get_single(cmt_state_store *store, const char *key,
                                                cmt_buf *out, cmt_error *err);
/** A signed varint under such a key.
 *  @retval CMT_NOT_FOUND  absent or empty; *out stays as it is
 *  @retval CMT_CORRUPT    undecodable or negative */
CMT_MUST_CHECK cmt_status cmt_state__get_height(cmt_state_store *store, const char *key,
                                                int64_t *out, cmt_error *err);

/** @retval CMT_UNSUPPORTED  the store was not opened for writing */
CMT_MUST_CHECK cmt_status cmt_state__writable(const cmt_state_store *store, cmt_error *err);
/** Put one pair, or with an empty value delete the key.  Durable on return. */
CMT_MUST_CHECK cmt_status cmt_state__put_single(cmt_state_store *store, const char *key,
                                                cmt_slice value, cmt_error *err);
CMT_MUST_CHECK cmt_status cmt_state__put_height(cmt_state_store *store, const char *key,
                                                int64_t height, cmt_error *err);
/** Write a batch, synced, with the fail points "<name>:before" and "<name>:after" around it. */
CMT_MUST_CHECK cmt_status cmt_state__write(cmt_state_store *store, const cmt_db_batch *batch,
                                           const char *before, const char *after, cmt_error *err);

/** Put @p value under the key of @p height into the batch. */
CMT_MUST_CHECK cmt_status cmt_state__add(const cmt_state_store *store, const cmt_key_family *family,
                                         int64_t height, cmt_slice value, cmt_db_batch *batch,
                                         cmt_error *err);

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
