/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for heights of one family in height order, over keys that stand in text order.
 */
#ifndef CMT_KEYS_SEARCH_H
#define CMT_KEYS_SEARCH_H

#include "cmtstore/keys.h"

typedef struct key_search {
    const cmt_key_family *family;
    cmt_db *db;
    cmt_db_iter *iter; /* bounded to the family */
    bool standing;     /* the iterator stands on a key of height `at` */
    int64_t at;
    uint64_t steps;
    uint64_t stop_at; /* walking ends when cmt_keys__search_cost() is above this */
} key_search;

/** Zero-initialised before; release with cmt_keys__search_close() whatever this returns. */
CMT_MUST_CHECK cmt_status cmt_keys__search_open(key_search *search, cmt_db *db,
                                                const cmt_key_family *family, cmt_error *err);
void cmt_keys__search_close(key_search *search);

/** Bytes read since the database was opened or, where it does not say, what the steps of this search
 *  count. */
uint64_t cmt_keys__search_cost(const key_search *search);

/** How many digits the text of a height has. */
unsigned cmt_keys__digits(int64_t height);

/** 10 to the power of @p exponent, INT64_MAX where that is too large. */
int64_t cmt_keys__power10(unsigned exponent);

/** The class of a height: in layout v1 its digits, in layout v2 always 1.  Within a class keys stand in
 *  height order. */
unsigned cmt_keys__class(const cmt_key_family *family, int64_t height);
/** All heights of a class. */
cmt_heights cmt_keys__class_heights(const cmt_key_family *family, unsigned class);

/** One seek; the budget does not matter. */
CMT_MUST_CHECK cmt_status cmt_keys__search_exists(key_search *search, int64_t height, bool *exists,
                                                  cmt_error *err);

/**
 * One step: the height whose keys come first, in text order, at or behind those of @p height.
 * @retval CMT_NOT_FOUND  none
 * @retval CMT_CANCELLED  the budget is used up (no message)
 */
CMT_MUST_CHECK cmt_status cmt_keys__search_step(key_search *search, int64_t height, int64_t *met,
                                                cmt_error *err);

/**
 * The lowest height in [lo,hi) that has a key.
 * @retval CMT_NOT_FOUND  none
 * @retval CMT_CANCELLED  the budget is used up (no message)
 */
CMT_MUST_CHECK cmt_status cmt_keys__search_first(key_search *search, int64_t lo, int64_t hi,
                                                 int64_t *height, cmt_error *err);

/**
 * Walk from @p from, which exists, towards @p limit (the last height looked at) in doubling steps;
 * then halve the last step.  @p edge exists, and its neighbour does not unless edge is the limit.
 * Some sixty seeks at most; the budget does not matter.
 */
CMT_MUST_CHECK cmt_status cmt_keys__search_edge(key_search *search, int64_t from, int64_t limit,
                                                int64_t *edge, cmt_error *err);

#endif
