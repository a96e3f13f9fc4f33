/* SPDX-License-Identifier: Apache-2.0
 *
 * Counted references on a database, those who want to be told to stop, and the shutdown that tells them and
 * waits until they are gone.
 */
#include <stdlib.h>

#include "claim.h"
#include "db_internal.h"
#include "waiting.h"

/* Somebody who wants to be told.  Guarded by the lock of the database that it hangs on. */
struct cmt_db__user {
    struct cmt_db__user *next;
    bool (*stop)(void *context);
    void *context;
    uint64_t told;    /* the shutdown that has told it; 0: none */
    pthread_t teller; /* with `telling` */
    bool telling;     /* a call runs */
    bool leaving;     /* somebody is taking it off the list */
    bool left_within; /* from within its own call: whoever made that call removes it */
};

/* ---- references ------------------------------------------------------------------------------ */

cmt_db *cmt_db_hold(cmt_db *db)
{
    if (db == NULL)
        return NULL;
    pthread_mutex_lock(&db->life.lock);
    db->life.more_references++;
    pthread_mutex_unlock(&db->life.lock);
    return db;
}

void cmt_db_close(cmt_db *db)
{
    if (db == NULL)
        return;
    pthread_mutex_lock(&db->life.lock);
    bool last = db->life.more_references == 0;
    if (!last) {
        db->life.more_references--;
        pthread_cond_broadcast(&db->life.changed);
    }
    pthread_mutex_unlock(&db->life.lock);
    if (!last)
        return;
    for (cmt_db__user *user = db->life.users; user != NULL;) {
        cmt_db__user *next = user->next;
        free(user);
        user = next;
    }
    cmt_db__claim_forget(db);
    db->ops->close(db);
}

/* ---- a wish to stop compactions ---------------------------------------------------------------- */

/* Two have such a wish, and one does not take back the other's.  The lock is held across the engine's call, so
 * that the engine hears of the wishes in their order; the engine waits at most for a compaction that stops. */
void cmt_db_cancel_compaction(cmt_db *db, bool cancel)
{
    pthread_mutex_lock(&db->life.cancel_lock);
    db->life.cancelled_by_caller = cancel;
    if (db->ops->cancel_compaction != NULL && (cancel || db->life.cancelled_by_shutdown == 0))
        db->ops->cancel_compaction(db, cancel);
    pthread_mutex_unlock(&db->life.cancel_lock);
}

static void cancel_by_shutdown(cmt_db *db, bool cancel)
{
    pthread_mutex_lock(&db->life.cancel_lock);
    db->life.cancelled_by_shutdown += cancel ? 1U : -1U;
    if (db->ops->cancel_compaction != NULL &&
        (cancel || (db->life.cancelled_by_shutdown == 0 && !db->life.cancelled_by_caller)))
        db->ops->cancel_compaction(db, cancel);
    pthread_mutex_unlock(&db->life.cancel_lock);
}

bool cmt_db__cancel_wanted(cmt_db *db)
{
    pthread_mutex_lock(&db->life.cancel_lock);
    bool wanted = db->life.cancelled_by_caller || db->life.cancelled_by_shutdown > 0;
    pthread_mutex_unlock(&db->life.cancel_lock);
    return wanted;
}

/* ---- those who want to be told ----------------------------------------------------------------- */

cmt_status cmt_db_on_shutdown(cmt_db *db, bool (*stop)(void *context), void *context,
                              cmt_error *err)
{
    cmt_db__user *user = calloc(1, sizeof *user);
    if (user == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory for a user of a database");
    user->stop = stop;
    user->context = context;
    pthread_mutex_lock(&db->life.lock);
    user->next = db->life.users;
    db->life.users = user;
    pthread_cond_broadcast(&db->life.changed); /* a shutdown that waits tells it, too */
    pthread_mutex_unlock(&db->life.lock);
    return CMT_OK;
}

static void remove_locked(cmt_db *db, cmt_db__user *user)
{
    cmt_db__user **at = &db->life.users;
    while (*at != user)
        at = &(*at)->next;
    *at = user->next;
    free(user);
}

void cmt_db_off_shutdown(cmt_db *db, bool (*stop)(void *context), void *context)
{
    pthread_mutex_lock(&db->life.lock);
    cmt_db__user *user = db->life.users;
    while (user != NULL && (user->stop != stop || user->context != context || user->leaving))
        user = user->next;
    if (user != NULL) {
        user->leaving = true;
        user->left_within = user->telling && pthread_equal(user->teller, pthread_self());
        if (!user->left_within) {
            while (user->telling)
                pthread_cond_wait(&db->life.changed, &db->life.lock);
            remove_locked(db, user);
        }
    }
    pthread_mutex_unlock(&db->life.lock);
}

static cmt_db__user *to_be_told_locked(const cmt_db *db)
{
    cmt_db__user *user = db->life.users;
    while (user != NULL && (user->told == db->life.shutdown || user->telling || user->leaving))
        user = user->next;
    return user;
}

/* The lock is given up for each call, so the list is looked through anew after it.  False: one of them is the
 * caller. */
static bool tell_locked(cmt_db *db)
{
    cmt_db__user *user;
    bool others = true;
    while ((user = to_be_told_locked(db)) != NULL) {
        user->told = db->life.shutdown;
        user->telling = true;
        user->teller = pthread_self();
        pthread_mutex_unlock(&db->life.lock);
        bool is_other = user->stop(user->context);
        others = others && is_other;
        pthread_mutex_lock(&db->life.lock);
        user->telling = false;
        if (user->left_within)
            remove_locked(db, user);
        pthread_cond_broadcast(&db->life.changed);
    }
    return others;
}

/* ---- shutdown ---------------------------------------------------------------------------------- */

static bool tell_all(cmt_db *db)
{
    pthread_mutex_lock(&db->life.lock);
    if (db->life.shutdowns++ == 0)
        db->life.shutdown++;
    bool others = tell_locked(db);
    if (!others)
        db->life.shutdowns--;
    pthread_mutex_unlock(&db->life.lock);
    return others;
}

/* How many references are left beyond the caller's. */
static size_t wait_until_alone(cmt_db *db, const struct timespec *until)
{
    bool in_time = true;
    pthread_mutex_lock(&db->life.lock);
    while (db->life.more_references > 0 && in_time) {
        in_time = cmt_wait_until(&db->life.changed, &db->life.lock, until);
        tell_locked(db); /* who came in the meantime */
    }
    size_t others = db->life.more_references;
    db->life.shutdowns--;
    pthread_mutex_unlock(&db->life.lock);
    return others;
}

cmt_status cmt_db_shutdown(cmt_db **db, int64_t wait_ns, cmt_error *err)
{
    if (*db == NULL)
        return CMT_OK;
    struct timespec until = cmt_wait_after(wait_ns);
    if (!tell_all(*db))
        return cmt_error_set(err, CMT_DEADLOCK,
                             "close a database: called from a hook of who works on it, which would "
                             "wait for itself");
    cancel_by_shutdown(*db, true);
    size_t others = wait_until_alone(*db, &until);
    if (others > 0) {
        cancel_by_shutdown(*db, false);
        return cmt_error_set(err, CMT_BUSY,
                             "close a database: %zu others that were told to stop still use it",
                             others);
    }
    cmt_db_close(*db);
    *db = NULL;
    return CMT_OK;
}
