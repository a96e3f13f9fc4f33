/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's config.toml as far as storage goes: its own keys and ours.
 */
#ifndef CMTSTORE_CONFIG_H
#define CMTSTORE_CONFIG_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** [storage.compaction]: how space is given back while a node runs. */
typedef struct cmt_config_compactor {
    char mode[8];        /* "async", "sync" or "off"; where the file does not say: "off" if it says
                     [storage] compact = false, else "async" */
    int64_t queue_size;  /* 16; at least 1 */
    int64_t interval_ns; /* an hour: least time between two compactions of one database */
    int64_t poll_interval_ns;   /* 10 s: how often the scheduler is asked; 100 ms to a day */
    double min_dead_ratio;      /* 0.3; in 0..1 */
    double max_free_ratio;      /* 0.20; in 0..1 */
    double max_tombstone_ratio; /* 0.10; in 0..1 */
    int64_t min_work;           /* 1: keys deleted since the last compaction */
    uint64_t min_bytes;         /* min_size, 10 MB */
    int64_t pause_ns;           /* 20 ms between slices */
    char fallback[8];           /* "never", "bounded" or "full": when there is no compactor */
    int64_t fallback_budget_ns; /* 500 ms */
    int64_t
        backup_keep_ns; /* 7 days: how long a rewritten database's old files stay; 0: not at all */
    char role[12];      /* "validator", "full", "archive" or "replica" */
} cmt_config_compactor;

typedef struct cmt_config {
    char db_backend[32]; /* "" when the file does not say */
    char db_dir[4096];   /* as written; default "data" */
    bool discard_abci_responses;
    bool compact;
    bool has_compact; /* [storage] compact stands in the file */
    int64_t compaction_interval;
    char key_layout[8]; /* experimental_db_key_layout; "" when absent */
    int64_t pruning_interval_ns;
    bool companion_enabled;
    int64_t companion_initial_block_retain_height;
    int64_t companion_initial_block_results_retain_height;
    /* ours */
    int64_t keep_blocks; /* [storage.pruning] keep_blocks; 0: only the application decides */
    bool sweep;          /* [storage.pruning] sweep; default true */
    cmt_config_compactor compactor;
} cmt_config;

/** CometBFT's defaults (with db_backend unset) and ours. */
CMT_API void cmt_config_defaults(cmt_config *out);

/**
 * Read @p path (at most 1 MiB).  Keys elsewhere than in [storage] and below are CometBFT's
 * business and ignored; an unknown key in [storage], [storage.pruning] or below is an error that
 * names the nearest known one.
 *
 * @retval CMT_NOT_FOUND  the file is absent (no message)
 * @retval CMT_INVALID    syntax (with line), a wrong type, a value out of range, an unknown key
 * Source: config/config.go StorageConfig, PruningConfig; config/toml.go
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_config_load(const char *path, cmt_config *out,
                                                  cmt_error *err);

/** As cmt_config_load, from text; @p name appears in messages. */
CMT_API CMT_MUST_CHECK cmt_status cmt_config_parse(const char *name, cmt_slice text,
                                                   cmt_config *out, cmt_error *err);

/** A Go duration ("10s", "1h30m", "250ms") in nanoseconds.  @retval CMT_INVALID not one */
CMT_API CMT_MUST_CHECK cmt_status cmt_config_parse_duration(const char *text, int64_t *ns,
                                                            cmt_error *err);
/** The same, and days of 24 hours: "7d", "1d12h". */
CMT_API CMT_MUST_CHECK cmt_status cmt_config_parse_days(const char *text, int64_t *ns,
                                                        cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
