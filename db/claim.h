/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMT_DB_CLAIM_H
#define CMT_DB_CLAIM_H

#include "cmtstore/db.h"

/** The database is being closed; a claim on it lives on until it is released. */
void cmt_db__claim_forget(cmt_db *db);

#endif
