/* SPDX-License-Identifier: Apache-2.0
 *
 * What a database shows, as one text: a line "key=value" for each pair in order.  Texts compare with
 * ck_assert_str_eq(), which names the first difference.
 */
#ifndef CMT_TEST_PAIRS_H
#define CMT_TEST_PAIRS_H

#include "cmtstore/lsm.h"

/** Fails the case unless @p status is CMT_OK. */
void pairs_must(cmt_status status, const cmt_error *err);

/** All that the view of @p dir shows going forward; fails the case unless going backward and getting each
 *  key show the same.  To be freed. */
char *pairs_of_view(const char *dir);
/** The same of an open view. */
char *pairs_of_open_view(cmt_lsm_view *view);

/** Append one pair to a text that may be NULL; bytes that do not print become \xx. */
char *pairs_add(char *pairs, cmt_slice key, cmt_slice value);

#endif
