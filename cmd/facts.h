/* SPDX-License-Identifier: Apache-2.0
 *
 * What info tells of a pair of databases.
 */
#ifndef CMT_CMD_FACTS_H
#define CMT_CMD_FACTS_H

#include "home.h"

#include "cmtstore/lsm.h"
#include "cmtstore/state.h"
#include "cmtstore/store.h"

#define CMD_FAMILIES 9

/* Whether a BH: key is left over only its value tells. */
#define CMD_NOT_COUNTED (-1)

typedef struct cmd_family {
    const char *database;
    const char *name; /* the prefix of its keys in layout v1 */
    const char *meaning;
    uint64_t bytes;    /* in tables, estimated from their indexes */
    int64_t leftovers; /* heights below base that a sweep would remove, or CMD_NOT_COUNTED */
} cmd_family;

typedef struct cmd_database_facts {
    uint64_t bytes; /* of its files */
    cmt_db_stats tables;
    bool needs_heal; /* C++ LevelDB has or had it open, see cmt_db_heal() */
} cmd_database_facts;

typedef struct cmd_facts {
    bool readable; /* else only the sizes are known */
    cmt_key_layout layout;
    bool has_state;
    cmt_state state;
    int64_t base;
    int64_t height;
    cmd_database_facts blockstore_db;
    cmd_database_facts state_db;
    cmd_family families[CMD_FAMILIES];
    bool has_retain_heights;
    cmt_retain_heights retain_heights;
    bool has_leftovers; /* the search for them was possible */
    bool leftovers_complete;
    int64_t evidence_height;
    bool unfinished; /* an interrupted prune of the state store waits to be finished */
    uint64_t trash_bytes;
} cmd_facts;

/** @retval CMT_STALE  the node changed files underneath; try again with fresh @p out */
CMT_MUST_CHECK cmt_status cmd_facts_gather(const cmd_target *target, const cmt_logger *logger,
                                           cmd_facts *out, cmt_error *err);

#endif
