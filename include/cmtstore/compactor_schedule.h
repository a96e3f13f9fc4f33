/* SPDX-License-Identifier: Apache-2.0
 *
 * When a compaction is worth while: pure functions over figures that the caller has.  Nothing here reads a
 * database, a clock or a file, and nothing allocates; any thread may call.
 *
 * RATIOS are compared exactly, as decimal fractions of nine digits: 3 dead bytes of 10 are 0.3, however many zeros
 * stand behind both.  Finer differences between two thresholds do not count.
 *
 *   automatic  =  role may · something is dirty · interval elapsed · work >= minimum · at least one of
 *                 dead ratio >= 0.3 with size >= 10 MB | free > 0.20 | tombstones > 0.10 | heights >= interval
 */
#ifndef CMTSTORE_COMPACTOR_SCHEDULE_H
#define CMTSTORE_COMPACTOR_SCHEDULE_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a node is for. */
typedef enum cmt_compact_role {
    CMT_ROLE_VALIDATOR,
    CMT_ROLE_FULL,
    CMT_ROLE_ARCHIVE, /* keeps everything: compacts only when asked */
    CMT_ROLE_REPLICA, /* somebody else writes its databases: compacts only when asked */
} cmt_compact_role;

/** "validator", "full", "archive", "replica". */
CMT_API const char *cmt_compact_role_name(cmt_compact_role role);
/** @retval CMT_INVALID none of them */
CMT_API CMT_MUST_CHECK cmt_status cmt_compact_role_from_name(const char *name,
                                                             cmt_compact_role *out, cmt_error *err);
/** False: a node of this role never compacts by itself. */
CMT_API bool cmt_compact_role_may(cmt_compact_role role);

/** Thresholds.  Ratios lie in 0..1. */
typedef struct cmt_schedule_config {
    cmt_compact_role role;
    int64_t interval_ns; /* least time between two compactions of one database; 0: none */
    int64_t retry_ns;    /* wait after the first failure in a row; doubles up to interval_ns */
    uint64_t min_work;   /* keys deleted since the last compaction */
    double min_dead_ratio;
    uint64_t min_bytes; /* of the engine's files; goes with min_dead_ratio */
    double max_free_ratio;
    double max_tombstone_ratio;
    int64_t compaction_interval; /* heights pruned since the last compaction */
} cmt_schedule_config;

/** full; an hour; 10 s; 1 key; 0.3 and 10 MB; 0.20; 0.10; 1000 heights. */
CMT_API void cmt_schedule_defaults(cmt_schedule_config *out);

/**
 * True when more than max_free_ratio of @p total is free, or @p delta is more than max_tombstone_ratio of
 * @p base_count.
 *
 * @param free        dead bytes since the last compaction
 * @param total       bytes of the engine's files; 0: there is nothing to compact
 * @param delta       tombstones since then
 * @param base_count  live keys, estimated; 0: not known, the second ratio does not count
 * @param config      NULL: defaults
 */
CMT_API bool cmt_should_compact(uint64_t free, uint64_t total, uint64_t delta, uint64_t base_count,
                                const cmt_schedule_config *config);

/** True when 1 - @p live / @p total is at least min_dead_ratio and @p total at least min_bytes.  More live than there
 *  is in all counts as nothing dead; of nothing at all nothing is dead. */
CMT_API bool cmt_is_dead_enough(uint64_t live, uint64_t total, const cmt_schedule_config *config);

/** How long a database is left alone after @p failures failed compactions in a row. */
CMT_API int64_t cmt_schedule_retry_after(uint32_t failures, const cmt_schedule_config *config);

/** What is known of one database: engine metadata and counters, never the result of a scan.  Times are of the wall
 *  clock; 0: never. */
typedef struct cmt_schedule_facts {
    int64_t now_ns;
    int64_t last_ns;   /* end of the last compaction that came to its end; in the future: due now */
    int64_t failed_ns; /* end of the last one, if it failed; in the future: due now */
    uint32_t failures; /* in a row */
    bool dirty;        /* ranges are remembered for it */
    bool has_rest;     /* the last one was cut short: neither interval nor minima count */
    uint64_t work;     /* keys deleted since the last compaction */
    uint64_t total_bytes;
    uint64_t live_bytes;
    uint64_t free_bytes; /* dead since the last compaction */
    uint64_t tombstones; /* since then */
    uint64_t live_keys;  /* estimate; 0: not known */
    int64_t heights;     /* pruned since then */
} cmt_schedule_facts;

/** Why a database is due. */
typedef enum cmt_schedule_trigger {
    CMT_TRIGGER_NONE,
    CMT_TRIGGER_REST,
    CMT_TRIGGER_DEAD_RATIO,
    CMT_TRIGGER_FREE_RATIO,
    CMT_TRIGGER_TOMBSTONES,
    CMT_TRIGGER_HEIGHTS,
} cmt_schedule_trigger;

/** Why it is not. */
typedef enum cmt_schedule_reason {
    CMT_NOT_DUE_NONE, /* it is due */
    CMT_NOT_DUE_ROLE,
    CMT_NOT_DUE_CLEAN,    /* nothing is remembered */
    CMT_NOT_DUE_RETRY,    /* the last one failed: `wait_ns` */
    CMT_NOT_DUE_INTERVAL, /* `wait_ns` */
    CMT_NOT_DUE_WORK,     /* too little deleted */
    CMT_NOT_DUE_GAIN,     /* no threshold is reached */
} cmt_schedule_reason;

/** The name in labels, log lines and results: "none", "rest", "dead_ratio", "free_ratio", "tombstone_ratio",
 *  "pruned_heights". */
CMT_API const char *cmt_schedule_trigger_name(cmt_schedule_trigger trigger);
/** "none", "role", "clean", "retry", "interval", "work", "gain". */
CMT_API const char *cmt_schedule_reason_name(cmt_schedule_reason reason);

/** An answer, with the figures that it rests on.  Plain: copied by value, all zero is "not asked". */
typedef struct cmt_schedule_decision {
    cmt_schedule_trigger trigger; /* the first that holds, in the order of the enum */
    cmt_schedule_reason reason;
    int64_t wait_ns; /* left, with retry and interval */
    cmt_schedule_facts facts;
    cmt_schedule_config config;
} cmt_schedule_decision;

/**
 * Is a database due?  Tests in the order of cmt_schedule_reason, then the triggers in theirs.
 * @param config  NULL: defaults
 */
CMT_API cmt_schedule_decision cmt_schedule_decide(const cmt_schedule_facts *facts,
                                                  const cmt_schedule_config *config);
CMT_API bool cmt_schedule_is_due(const cmt_schedule_decision *decision);

/** The longest text of cmt_schedule_describe(), with its NUL. */
#define CMT_SCHEDULE_TEXT 96

/** Write name and figures into @p text, as in "free_ratio free=21 total=100 max=0.2" or "interval wait_ms=1500";
 *  cut where it does not fit.  Returns @p text. */
CMT_API const char *cmt_schedule_describe(const cmt_schedule_decision *decision, char *text,
                                          size_t size);

#ifdef __cplusplus
}
#endif

#endif
