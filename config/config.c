/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keys of config.toml mean: types, ranges, defaults, and what to say to a mistyped one.
 */
#include "cmtstore/config.h"

#include "cleanup.h"
#include "file.h"
#include "rules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define MS_NS INT64_C(1000000)
#define SECOND_NS (1000 * MS_NS)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KEPT(member) .offset = offsetof(cmt_config, member)
#define KEPT_TEXT(member) KEPT(member), .size = sizeof(((cmt_config *)0)->member)
#define AT_LEAST(low) .min = (low), .max = INT64_MAX
#define ANY_INTEGER .min = INT64_MIN, .max = INT64_MAX

/* Source: config/config.go StorageConfig, PruningConfig, DataCompanionPruningConfig;
 * indexer_pruning_enabled is a fork's. */
static const cmt_config__rule rules[] = {
    {"db_backend", CMT_CONFIG__TEXT, KEPT_TEXT(db_backend)},
    {"db_dir", CMT_CONFIG__TEXT, KEPT_TEXT(db_dir)},

    {"storage", CMT_CONFIG__TABLE, .offset = CMT_CONFIG__NOT_KEPT},
    {"storage.discard_abci_responses", CMT_CONFIG__BOOL, KEPT(discard_abci_responses)},
    {"storage.experimental_db_key_layout", CMT_CONFIG__CHOICE, KEPT_TEXT(key_layout),
     .choices = "v1 v2"},
    {"storage.compact", CMT_CONFIG__BOOL, KEPT(compact)},
    {"storage.compaction_interval", CMT_CONFIG__QUOTABLE_INTEGER, KEPT(compaction_interval),
     AT_LEAST(0)},
    {"storage.indexer_pruning_enabled", CMT_CONFIG__IGNORED, .offset = CMT_CONFIG__NOT_KEPT},

    {"storage.pruning", CMT_CONFIG__TABLE, .offset = CMT_CONFIG__NOT_KEPT},
    {"storage.pruning.interval", CMT_CONFIG__DURATION, KEPT(pruning_interval_ns), AT_LEAST(1)},
    {"storage.pruning.keep_blocks", CMT_CONFIG__INTEGER, KEPT(keep_blocks), AT_LEAST(0)},
    {"storage.pruning.sweep", CMT_CONFIG__BOOL, KEPT(sweep)},

    {"storage.pruning.data_companion", CMT_CONFIG__TABLE, .offset = CMT_CONFIG__NOT_KEPT},
    {"storage.pruning.data_companion.enabled", CMT_CONFIG__BOOL, KEPT(companion_enabled)},
    {"storage.pruning.data_companion.initial_block_retain_height", CMT_CONFIG__INTEGER,
     KEPT(companion_initial_block_retain_height), ANY_INTEGER},
    {"storage.pruning.data_companion.initial_block_results_retain_height", CMT_CONFIG__INTEGER,
     KEPT(companion_initial_block_results_retain_height), ANY_INTEGER},

    {"storage.compaction", CMT_CONFIG__TABLE, .offset = CMT_CONFIG__NOT_KEPT},
    {"storage.compaction.mode", CMT_CONFIG__CHOICE, KEPT_TEXT(compactor.mode),
     .choices = "async sync off"},
    {"storage.compaction.queue_size", CMT_CONFIG__INTEGER, KEPT(compactor.queue_size), .min = 1,
     .max = 1000000},
    {"storage.compaction.interval", CMT_CONFIG__DURATION, KEPT(compactor.interval_ns), AT_LEAST(0)},
    {"storage.compaction.poll_interval", CMT_CONFIG__DURATION, KEPT(compactor.poll_interval_ns),
     .min = 100 * MS_NS, .max = 86400 * SECOND_NS, .choices = "\"100ms\" to \"24h\""},
    {"storage.compaction.min_dead_ratio", CMT_CONFIG__SHARE, KEPT(compactor.min_dead_ratio)},
    {"storage.compaction.max_free_ratio", CMT_CONFIG__SHARE, KEPT(compactor.max_free_ratio)},
    {"storage.compaction.max_tombstone_ratio", CMT_CONFIG__SHARE,
     KEPT(compactor.max_tombstone_ratio)},
    {"storage.compaction.min_work", CMT_CONFIG__INTEGER, KEPT(compactor.min_work), AT_LEAST(0)},
    {"storage.compaction.min_size", CMT_CONFIG__BYTES, KEPT(compactor.min_bytes)},
    {"storage.compaction.pause", CMT_CONFIG__DURATION, KEPT(compactor.pause_ns), AT_LEAST(0)},
    {"storage.compaction.fallback", CMT_CONFIG__CHOICE, KEPT_TEXT(compactor.fallback),
     .choices = "never bounded full"},
    {"storage.compaction.fallback_budget", CMT_CONFIG__DURATION, KEPT(compactor.fallback_budget_ns),
     AT_LEAST(0)},
    {"storage.compaction.backup_keep", CMT_CONFIG__DAYS, KEPT(compactor.backup_keep_ns),
     AT_LEAST(0)},
    {"storage.compaction.role", CMT_CONFIG__CHOICE, KEPT_TEXT(compactor.role),
     .choices = "validator full archive replica"},
};

static const char *const roots[] = {"db_backend", "db_dir", "storage", NULL};

static void free_toml(cmt_toml **toml)
{
    cmt_toml_free(*toml);
}

static cmt_status fail_unknown(const char *name, const cmt_toml_entry *entry, cmt_error *err)
{
    const char *paths[COUNT(rules)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (strchr(rules[i].path, '.') != NULL)
            paths[count++] = rules[i].path;
    return cmt_error_set(err, CMT_INVALID, "%s: line %u: unknown key %.200s; did you mean %s?",
                         name, entry->line, entry->path,
                         cmt_config_nearest(entry->path, paths, count));
}

/* CometBFT's reader does not look at the case of keys, so neither does this one. */
static const cmt_config__rule *find_rule(const char *path)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        if (strcasecmp(rules[i].path, path) == 0)
            return &rules[i];
    return NULL;
}

static cmt_status check_together(const char *name, const cmt_config *config, cmt_error *err)
{
    /* Source: config/config.go DataCompanionPruningConfig.ValidateBasic: only when enabled. */
    if (!config->companion_enabled)
        return CMT_OK;
    if (config->companion_initial_block_retain_height < 0)
        return cmt_error_set(err, CMT_INVALID,
                             "%s: storage.pruning.data_companion.initial_block_retain_height must "
                             "be 0 or more",
                             name);
    if (config->companion_initial_block_results_retain_height < 0)
        return cmt_error_set(
            err, CMT_INVALID,
            "%s: storage.pruning.data_companion.initial_block_results_retain_height "
            "must be 0 or more",
            name);
    return CMT_OK;
}

static cmt_status read_entries(const char *name, const cmt_toml *toml, cmt_config *config,
                               cmt_error *err)
{
    bool seen[COUNT(rules)] = {false};
    bool has_mode = false;
    for (size_t i = 0; i < cmt_toml_count(toml); i++) {
        cmt_toml_entry entry = cmt_toml_at(toml, i);
        const cmt_config__rule *known = find_rule(entry.path);
        if (known == NULL)
            return fail_unknown(name, &entry, err);
        if (seen[known - rules])
            return cmt_error_set(err, CMT_INVALID, "%s: line %u: %s stands there twice", name,
                                 entry.line, known->path);
        seen[known - rules] = true;
        CMT_TRY(cmt_config__read_value(&(cmt_config__reader){name, &entry, known, config, err}));
        if (known->offset == offsetof(cmt_config, compact))
            config->has_compact = true;
        if (known->offset == offsetof(cmt_config, compactor.mode))
            has_mode = true;
    }
    if (!has_mode && config->has_compact && !config->compact)
        memcpy(config->compactor.mode, "off", sizeof "off");
    return check_together(name, config, err);
}

/* config.toml is often a symbolic link, unlike the files of a database; a FIFO must not hang us. */
static cmt_status read_file(const char *path, cmt_buf *out, cmt_error *err)
{
    CMT_AUTO(cmt_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return CMT_NOT_FOUND;
    if (fd < 0)
        return cmt_error_set(err, CMT_IO, "open %s: %s", path, strerror(errno));
    uint64_t size;
    cmt_status status = cmt_file_size(fd, path, &size, err);
    if (status == CMT_UNSUPPORTED)
        return cmt_error_set(err, CMT_INVALID, "%s is not a regular file", path);
    CMT_TRY(status);
    if (size > CMT_CONFIG_BYTES_MAX)
        return cmt_error_set(err, CMT_INVALID,
                             "%s: %" PRIu64 " bytes, more than the %zu a config.toml may have",
                             path, size, CMT_CONFIG_BYTES_MAX);
    if (cmt_buf_reserve(out, (size_t)size + 1) != CMT_OK)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory to read %s", path);
    CMT_TRY(cmt_file_read_at(fd, path, 0, out->data, (size_t)size, err));
    out->size = (size_t)size;
    return CMT_OK;
}

/* Source: config/config.go DefaultBaseConfig, DefaultStorageConfig, DefaultPruningConfig */
void cmt_config_defaults(cmt_config *out)
{
    *out = (cmt_config){
        .db_dir = "data",
        .compaction_interval = 1000,
        .pruning_interval_ns = 10 * SECOND_NS,
        .sweep = true,
        .compactor =
            {
                .mode = "async",
                .queue_size = 16,
                .interval_ns = 3600 * SECOND_NS,
                .poll_interval_ns = 10 * SECOND_NS,
                .min_dead_ratio = 0.3,
                .max_free_ratio = 0.20,
                .max_tombstone_ratio = 0.10,
                .min_work = 1,
                .min_bytes = 10000000,
                .pause_ns = 20 * MS_NS,
                .fallback = "bounded",
                .fallback_budget_ns = 500 * MS_NS,
                .backup_keep_ns = 7 * 86400 * SECOND_NS,
                .role = "full",
            },
    };
}

cmt_status cmt_config_load(const char *path, cmt_config *out, cmt_error *err)
{
    CMT_AUTO(cmt_buf_free) cmt_buf text = CMT_BUF_INIT;
    CMT_TRY(read_file(path, &text, err));
    return cmt_config_parse(path, cmt_buf_slice(&text), out, err);
}

cmt_status cmt_config_parse(const char *name, cmt_slice text, cmt_config *out, cmt_error *err)
{
    CMT_TRY(cmt_config_precheck(name, text, err));
    CMT_AUTO(free_toml) cmt_toml *toml = NULL;
    CMT_TRY(cmt_toml_parse(name, text, roots, &toml, err));
    cmt_config config;
    cmt_config_defaults(&config);
    CMT_TRY(read_entries(name, toml, &config, err));
    *out = config;
    return CMT_OK;
}
