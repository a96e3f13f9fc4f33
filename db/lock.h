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

#endif
