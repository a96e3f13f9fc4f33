/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock that we hold around an engine's own.
 */
#ifndef CMT_DB_LOCK_H
#define CMT_DB_LOCK_H

#include "cmtstore/db.h"

/**
 * See that nobody holds either lock, and keep the flock; the record lock is left to the engine that is
 * opened next.  To be released after the engine has closed, not before: closing our descriptor drops the
 * engine's lock.
 */
CMT_MUST_CHECK cmt_status cmt_db__lock_take_for_engine(const char *dir, cmt_db_lock **out,
                                                       cmt_error *err);

/** The engine has closed, and our descriptor stays: take the record lock ourselves until it opens again.
 *  @retval CMT_BUSY  somebody was faster */
CMT_MUST_CHECK cmt_status cmt_db__lock_keep_record(cmt_db_lock *lock, const char *dir,
                                                   cmt_error *err);
/** Give the record lock back, for the engine that opens next. */
CMT_MUST_CHECK cmt_status cmt_db__lock_yield_record(cmt_db_lock *lock, const char *dir,
                                                    cmt_error *err);

#endif
