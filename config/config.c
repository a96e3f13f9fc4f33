/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keys of config.toml mean: types, ranges, defaults, and what to say to a mistyped one.
 */
#include "cmtstore/config.h"

#include "cleanup.h"
#include "config_internal.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A key that is checked but not kept. */
#define NOT_KEPT SIZE_MAX

typedef enum value_type {
    TYPE_TABLE,
    TYPE_IGNORED, /* accepted whatever it is */
    TYPE_BOOL,
    TYPE_INTEGER,
    TYPE_QUOTABLE_INTEGER, /* bare or as a string: CometBFT's own template quotes it */
    TYPE_TEXT,
    TYPE_CHOICE,
    TYPE_DURATION,
    TYPE_SHARE,
    TYPE_BYTES,
} value_type;

typedef struct rule {
    const char *path;
    value_type type;
    size_t offset; /* in cmt_config, or NOT_KEPT */
    size_t size;   /* of a text there */
    int64_t min;
    int64_t max;
    const char *choices; /* words with one blank between them */
} rule;

#define KEPT(member) .offset = offsetof(cmt_config, member)
#define KEPT_TEXT(member) KEPT(member), .size = sizeof(((cmt_config *)0)->member)
#define AT_LEAST(low) .min = (low), .max = INT64_MAX
#define ANY_INTEGER .min = INT64_MIN, .max = INT64_MAX

/* Source: config/config.go StorageConfig, PruningConfig, DataCompanionPruningConfig;
 * indexer_pruning_enabled is a fork's.  [storage.compaction] is for the background compactor. */
static const rule rules[] = {
    {"db_backend", TYPE_TEXT, KEPT_TEXT(db_backend)},
    {"db_dir", TYPE_TEXT, KEPT_TEXT(db_dir)},

    {"storage", TYPE_TABLE, .offset = NOT_KEPT},
    {"storage.discard_abci_responses", TYPE_BOOL, KEPT(discard_abci_responses)},
    {"storage.experimental_db_key_layout", TYPE_CHOICE, KEPT_TEXT(key_layout), .choices = "v1 v2"},
    {"storage.compact", TYPE_BOOL, KEPT(compact)},
    {"storage.compaction_interval", TYPE_QUOTABLE_INTEGER, KEPT(compaction_interval), AT_LEAST(0)},
    {"storage.indexer_pruning_enabled", TYPE_IGNORED, .offset = NOT_KEPT},

    {"storage.pruning", TYPE_TABLE, .offset = NOT_KEPT},
    {"storage.pruning.interval", TYPE_DURATION, KEPT(pruning_interval_ns), AT_LEAST(1)},
    {"storage.pruning.keep_blocks", TYPE_INTEGER, KEPT(keep_blocks), AT_LEAST(0)},
    {"storage.pruning.sweep", TYPE_BOOL, KEPT(sweep)},

    {"storage.pruning.data_companion", TYPE_TABLE, .offset = NOT_KEPT},
    {"storage.pruning.data_companion.enabled", TYPE_BOOL, KEPT(companion_enabled)},
    {"storage.pruning.data_companion.initial_block_retain_height", TYPE_INTEGER,
     KEPT(companion_initial_block_retain_height), ANY_INTEGER},
    {"storage.pruning.data_companion.initial_block_results_retain_height", TYPE_INTEGER,
     KEPT(companion_initial_block_results_retain_height), ANY_INTEGER},

    {"storage.compaction", TYPE_TABLE, .offset = NOT_KEPT},
    {"storage.compaction.mode", TYPE_CHOICE, .offset = NOT_KEPT, .choices = "async sync off"},
    {"storage.compaction.queue_size", TYPE_INTEGER, .offset = NOT_KEPT, .min = 1, .max = 1000000},
    {"storage.compaction.interval", TYPE_DURATION, .offset = NOT_KEPT, AT_LEAST(0)},
    {"storage.compaction.min_dead_ratio", TYPE_SHARE, .offset = NOT_KEPT},
    {"storage.compaction.min_size", TYPE_BYTES, .offset = NOT_KEPT},
    {"storage.compaction.pause", TYPE_DURATION, .offset = NOT_KEPT, AT_LEAST(0)},
    {"storage.compaction.fallback", TYPE_CHOICE, .offset = NOT_KEPT,
     .choices = "never bounded full"},
    {"storage.compaction.fallback_budget", TYPE_DURATION, .offset = NOT_KEPT, AT_LEAST(0)},
    {"storage.compaction.role", TYPE_CHOICE, .offset = NOT_KEPT,
     .choices = "validator full archive replica"},
};

static const char *const roots[] = {"db_backend", "db_dir", "storage", NULL};

/* What a key is read with: where it stands, for messages, and where its value goes. */
typedef struct reader {
    const char *name;
    const cmt_toml_entry *entry;
    const rule *rule;
    cmt_config *out;
    cmt_error *err;
} reader;

static void free_toml(cmt_toml **toml)
{
    cmt_toml_free(*toml);
}

static cmt_status fail(const reader *r, const char *must_be)
{
    return cmt_error_set(r->err, CMT_INVALID, "%s: line %u: %s must be %s", r->name, r->entry->line,
                         r->rule->path, must_be);
}

/* Puts the place in front of what a value reader said. */
static cmt_status fail_at(const reader *r)
{
    return cmt_error_prefix(r->err, CMT_INVALID, "%s: line %u: %s", r->name, r->entry->line,
                            r->rule->path);
}

static void *place(const reader *r)
{
    return r->rule->offset == NOT_KEPT ? NULL : (char *)r->out + r->rule->offset;
}

static void keep_integer(const reader *r, int64_t value)
{
    int64_t *kept = place(r);
    if (kept != NULL)
        *kept = value;
}

static cmt_status keep_text(const reader *r)
{
    char *kept = place(r);
    if (kept == NULL)
        return CMT_OK;
    if (r->entry->text_size >= r->rule->size)
        return cmt_error_set(r->err, CMT_INVALID, "%s: line %u: %s is longer than %zu bytes",
                             r->name, r->entry->line, r->rule->path, r->rule->size - 1);
    memcpy(kept, r->entry->text, r->entry->text_size + 1);
    return CMT_OK;
}

/* True for a string that can be shown and passed on: nothing in it but printable characters. */
static bool is_plain_text(const cmt_toml_entry *entry)
{
    if (entry->kind != CMT_TOML_STRING)
        return false;
    for (size_t i = 0; i < entry->text_size; i++)
        if ((unsigned char)entry->text[i] < 0x20 || entry->text[i] == 0x7f)
            return false;
    return true;
}

static cmt_status read_bool(const reader *r)
{
    if (r->entry->kind != CMT_TOML_BOOL)
        return fail(r, "true or false");
    bool *kept = place(r);
    if (kept != NULL)
        *kept = r->entry->boolean;
    return CMT_OK;
}

static cmt_status fail_range(const reader *r)
{
    char must_be[80];
    if (r->rule->max == INT64_MAX)
        snprintf(must_be, sizeof must_be, "%" PRId64 " or more", r->rule->min);
    else
        snprintf(must_be, sizeof must_be, "in %" PRId64 " to %" PRId64, r->rule->min, r->rule->max);
    return fail(r, must_be);
}

static cmt_status check_integer(const reader *r, int64_t value)
{
    if (value < r->rule->min || value > r->rule->max)
        return fail_range(r);
    keep_integer(r, value);
    return CMT_OK;
}

static cmt_status read_integer(const reader *r)
{
    if (r->entry->kind == CMT_TOML_HUGE_INTEGER)
        return fail(r, "an integer that fits in 64 bits");
    if (r->entry->kind != CMT_TOML_INTEGER)
        return fail(r, "an integer");
    return check_integer(r, r->entry->integer);
}

static cmt_status read_quotable_integer(const reader *r)
{
    if (r->entry->kind != CMT_TOML_STRING)
        return read_integer(r);
    const char *digits = r->entry->text + (r->entry->text[0] == '-');
    char *end;
    errno = 0;
    long long value = strtoll(r->entry->text, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || end != r->entry->text + r->entry->text_size ||
        errno != 0)
        return fail(r, "an integer");
    return check_integer(r, value);
}

static cmt_status read_text(const reader *r)
{
    return is_plain_text(r->entry) ? keep_text(r) : fail(r, "a string of printable characters");
}

/* True if @p word is one of the words in @p choices. */
static bool is_choice(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (const char *c = choices; size > 0; c++) {
        size_t c_size = strcspn(c, " ");
        if (c_size == size && memcmp(c, word, size) == 0)
            return true;
        c += c_size;
        if (*c == '\0')
            return false;
    }
    return false;
}

static cmt_status read_choice(const reader *r)
{
    if (is_plain_text(r->entry) && is_choice(r->rule->choices, r->entry->text))
        return keep_text(r);
    char must_be[128];
    snprintf(must_be, sizeof must_be, "one of the strings: %s", r->rule->choices);
    return fail(r, must_be);
}

static cmt_status read_duration(const reader *r)
{
    if (!is_plain_text(r->entry))
        return fail(r, "a duration string such as \"10s\"");
    int64_t ns;
    if (cmt_config_parse_duration(r->entry->text, &ns, r->err) != CMT_OK)
        return fail_at(r);
    if (ns < r->rule->min)
        return fail(r, r->rule->min > 0 ? "longer than \"0s\"" : "\"0s\" or longer");
    keep_integer(r, ns);
    return CMT_OK;
}

static cmt_status read_share(const reader *r)
{
    double share = r->entry->kind == CMT_TOML_FLOAT ? r->entry->real : (double)r->entry->integer;
    bool number = r->entry->kind == CMT_TOML_FLOAT || r->entry->kind == CMT_TOML_INTEGER;
    return number && share >= 0 && share <= 1 ? CMT_OK : fail(r, "a number in 0 to 1");
}

static cmt_status read_bytes(const reader *r)
{
    uint64_t bytes;
    if (!is_plain_text(r->entry))
        return fail(r, "a size string such as \"10MB\"");
    return cmt_config_parse_bytes(r->entry->text, &bytes, r->err) == CMT_OK ? CMT_OK : fail_at(r);
}

static cmt_status read_value(const reader *r)
{
    switch (r->rule->type) {
    case TYPE_TABLE:
        return r->entry->kind == CMT_TOML_TABLE ? CMT_OK : fail(r, "a table");
    case TYPE_IGNORED:
        return CMT_OK;
    case TYPE_BOOL:
        return read_bool(r);
    case TYPE_INTEGER:
        return read_integer(r);
    case TYPE_QUOTABLE_INTEGER:
        return read_quotable_integer(r);
    case TYPE_TEXT:
        return read_text(r);
    case TYPE_CHOICE:
        return read_choice(r);
    case TYPE_DURATION:
        return read_duration(r);
    case TYPE_SHARE:
        return read_share(r);
    case TYPE_BYTES:
        return read_bytes(r);
    }
    return CMT_INVALID;
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
static const rule *find_rule(const char *path)
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
    for (size_t i = 0; i < cmt_toml_count(toml); i++) {
        cmt_toml_entry entry = cmt_toml_at(toml, i);
        const rule *known = find_rule(entry.path);
        if (known == NULL)
            return fail_unknown(name, &entry, err);
        if (seen[known - rules])
            return cmt_error_set(err, CMT_INVALID, "%s: line %u: %s stands there twice", name,
                                 entry.line, known->path);
        seen[known - rules] = true;
        CMT_TRY(read_value(&(reader){name, &entry, known, config, err}));
        if (known->offset == offsetof(cmt_config, compact))
            config->has_compact = true;
    }
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
        .pruning_interval_ns = INT64_C(10000000000),
        .sweep = true,
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
