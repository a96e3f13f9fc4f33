/* SPDX-License-Identifier: Apache-2.0
 *
 * Who looks after the compactions of a database: one at a time.
 */
#include "claim.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "db_internal.h"

/* Of the database and of who claims it, whichever ends first. */
struct cmt_db_claim {
    atomic_uint references;
    atomic_bool given_up;
};

static void drop(cmt_db_claim *claim)
{
    if (claim != NULL && atomic_fetch_sub(&claim->references, 1) == 1)
        free(claim);
}

cmt_status cmt_db_claim_compactions(cmt_db *db, cmt_db_claim **out, cmt_error *err)
{
    *out = NULL;
    cmt_db_claim *claim = malloc(sizeof *claim);
    if (claim == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to look after a database");
    atomic_init(&claim->references, 2);
    atomic_init(&claim->given_up, false);
    pthread_mutex_lock(&db->life.lock);
    cmt_db_claim *before = db->life.claim;
    bool claimed = before == NULL || atomic_load(&before->given_up);
    if (claimed)
        db->life.claim = claim;
    pthread_mutex_unlock(&db->life.lock);
    if (!claimed) {
        free(claim);
        return cmt_error_set(err, CMT_BUSY,
                             "somebody looks after the compactions of this database already");
    }
    drop(before);
    *out = claim;
    return CMT_OK;
}

void cmt_db_claim_release(cmt_db_claim *claim)
{
    if (claim == NULL)
        return;
    atomic_store(&claim->given_up, true);
    drop(claim);
}

void cmt_db__claim_forget(cmt_db *db)
{
    drop(db->life.claim);
    db->life.claim = NULL;
}
