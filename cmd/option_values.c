/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands behind an option: words, names and numbers.
 */
#include "option_values.h"

#include "cmtstore/config.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* Sums of two of them are heights. */
#define HEIGHT_MAX ((int64_t)1 << 60)
/* Source: types/validator_set.go MaxVotesCount */
#define VALIDATORS_MAX 10000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static cmt_status read_output(const char *text, cmd_options *out, cmt_error *err)
{
    out->json = strcmp(text, "json") == 0;
    if (!out->json && strcmp(text, "text") != 0)
        return cmt_error_set(err, CMT_INVALID, "--output wants text or json, not \"%.64s\"", text);
    return CMT_OK;
}

static cmt_status read_method(const char *text, cmd_options *out, cmt_error *err)
{
    if (strcmp(text, "auto") == 0)
        out->method = CMT_METHOD_AUTO;
    else if (strcmp(text, "edit") == 0)
        out->method = CMT_METHOD_EDIT;
    else if (strcmp(text, "engine") == 0)
        out->method = CMT_METHOD_ENGINE;
    else
        return cmt_error_set(err, CMT_INVALID, "--method wants auto, edit or engine, not \"%.64s\"",
                             text);
    return CMT_OK;
}

static cmt_status read_log_level(const char *text, cmd_options *out, cmt_error *err)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) {
            out->has_log_level = true;
            out->log_level = (cmt_log_level)i;
            return CMT_OK;
        }
    return cmt_error_set(err, CMT_INVALID,
                         "--log-level wants debug, info, warn or error, not \"%.64s\"", text);
}

static cmt_status read_log_format(const char *text, cmd_options *out, cmt_error *err)
{
    out->log_json = strcmp(text, "json") == 0;
    if (!out->log_json && strcmp(text, "plain") != 0)
        return cmt_error_set(err, CMT_INVALID, "--log-format wants plain or json, not \"%.64s\"",
                             text);
    return CMT_OK;
}

static cmt_status read_database(const char *text, cmd_options *out, cmt_error *err)
{
    if (strcmp(text, "blockstore") != 0 && strcmp(text, "state") != 0)
        return cmt_error_set(err, CMT_INVALID, "--db wants blockstore or state, not \"%.64s\"",
                             text);
    out->database = text;
    return CMT_OK;
}

/* A path or name that is given but empty is a script's unset variable. */
static cmt_status read_name(const char *flag, const char *text, const char **out, cmt_error *err)
{
    if (text[0] == '\0')
        return cmt_error_set(err, CMT_INVALID, "%s is empty", flag);
    *out = text;
    return CMT_OK;
}

static cmt_status read_release(const char *text, cmd_options *out, cmt_error *err)
{
    static const struct {
        const char *name;
        cmt_release release;
    } known[] = {
        {"0.38", CMT_RELEASE_0_38},
        {"0.39", CMT_RELEASE_0_40},
        {"0.40", CMT_RELEASE_0_40},
        {"1.0", CMT_RELEASE_1_0},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(text, known[i].name) == 0) {
            out->release_name = known[i].name;
            out->release = known[i].release;
            out->as_0_39 = strcmp(text, "0.39") == 0;
            return CMT_OK;
        }
    return cmt_error_set(err, CMT_INVALID, "--release wants 0.38, 0.39, 0.40 or 1.0, not \"%.64s\"",
                         text);
}

static cmt_status read_layout(const char *text, cmd_options *out, cmt_error *err)
{
    if (strcmp(text, "v1") != 0 && strcmp(text, "v2") != 0)
        return cmt_error_set(err, CMT_INVALID, "--key-layout wants v1 or v2, not \"%.64s\"", text);
    out->key_layout = text[1] == '1' ? CMT_KEY_LAYOUT_V1 : CMT_KEY_LAYOUT_V2;
    return CMT_OK;
}

static cmt_status read_keep_for(const char *text, int64_t *out, cmt_error *err)
{
    if (cmt_config_parse_duration(text, out, NULL) == CMT_OK && *out > 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "--keep-for wants a duration such as 72h, not \"%.64s\"",
                         text);
}

static cmt_status read_keep_bytes(const char *text, uint64_t *out, cmt_error *err)
{
    if (cmt_config_parse_bytes(text, out, NULL) == CMT_OK && *out > 0)
        return CMT_OK;
    return cmt_error_set(err, CMT_INVALID, "--keep-bytes wants a size such as 200GB, not \"%.64s\"",
                         text);
}

/* As RFC 3339 has it, in UTC; the time may be left out. */
static bool parse_time(const char *text, int64_t *seconds)
{
    struct tm when = {0};
    const char *end = strptime(text, "%Y-%m-%d", &when);
    if (end != NULL && *end != '\0')
        end = strptime(end, "T%H:%M:%SZ", &when);
    if (end == NULL || *end != '\0')
        return false;
    *seconds = timegm(&when);
    return true;
}

/* From now on, or at a time. */
static cmt_status read_expires(const char *text, int64_t *out, cmt_error *err)
{
    const int64_t now = time(NULL);
    int64_t ns;
    if (cmt_config_parse_duration(text, &ns, NULL) == CMT_OK && ns > 0)
        *out = now + ns / 1000000000 + (ns % 1000000000 != 0);
    else if (!parse_time(text, out))
        return cmt_error_set(err, CMT_INVALID,
                             "--expires wants a duration such as 72h or a time such as "
                             "2026-01-31T12:00:00Z, not \"%.64s\"",
                             text);
    return *out > now ? CMT_OK
                      : cmt_error_set(err, CMT_INVALID, "--expires %.64s is in the past", text);
}

/* How much to keep, and what to pin. */
static cmt_status read_keeping_option(int key, const char *text, cmd_options *out, cmt_error *err)
{
    switch (key) {
    case KEY_KEEP_FOR:
        return read_keep_for(text, &out->keep_for_ns, err);
    case KEY_KEEP_BYTES:
        return read_keep_bytes(text, &out->keep_bytes, err);
    case KEY_PIN_HEIGHT:
        return cmd_parse_number("--height", text, 1, HEIGHT_MAX, &out->pin_height, err);
    default: /* KEY_EXPIRES */
        return read_expires(text, &out->pin_expires, err);
    }
}

/* What replay and gen alone take. */
static cmt_status read_maker_option(int key, const char *text, cmd_options *out, cmt_error *err)
{
    switch (key) {
    case KEY_TO:
        return read_name("--to", text, &out->to, err);
    case KEY_UNTIL:
        return cmd_parse_count("--until", text, &out->until, err);
    case KEY_BLOCKS:
        return cmd_parse_number("--blocks", text, 1, HEIGHT_MAX, &out->blocks, err);
    case KEY_VALIDATORS:
        return cmd_parse_number("--validators", text, 1, VALIDATORS_MAX, &out->validators, err);
    case KEY_SEED:
        return cmd_parse_number("--seed", text, 0, INT64_MAX, &out->seed, err);
    case KEY_CHAIN_ID:
        return read_name("--chain-id", text, &out->chain_id, err);
    case KEY_INITIAL_HEIGHT:
        return cmd_parse_number("--initial-height", text, 1, HEIGHT_MAX, &out->initial_height, err);
    case KEY_TXS:
        return cmd_parse_number("--txs", text, 0, 100000, &out->txs, err);
    case KEY_TX_BYTES:
        return cmd_parse_number("--tx-bytes", text, 1, 16 << 20, &out->tx_bytes, err);
    case KEY_VALIDATORS_EVERY:
        return cmd_parse_count("--validators-every", text, &out->validators_every, err);
    case KEY_PARAMS_EVERY:
        return cmd_parse_count("--params-every", text, &out->params_every, err);
    case KEY_EXTENSIONS_FROM:
        return cmd_parse_count("--extensions-from", text, &out->extensions_from, err);
    case KEY_RETAIN_BLOCKS:
        return cmd_parse_count("--retain-blocks", text, &out->retain_blocks, err);
    case KEY_RELEASE:
        return read_release(text, out, err);
    case KEY_LAYOUT:
        return read_layout(text, out, err);
    case KEY_DISCARD:
        out->discard_results = true;
        return CMT_OK;
    default: /* KEY_SYNC */
        out->sync = true;
        return CMT_OK;
    }
}

cmt_status cmd_option_read(int key, const char *text, cmd_options *out, cmt_error *err)
{
    if (key >= KEY_TO && key <= KEY_SYNC)
        return read_maker_option(key, text, out, err);
    if (key >= KEY_KEEP_FOR && key <= KEY_EXPIRES)
        return read_keeping_option(key, text, out, err);
    switch (key) {
    case KEY_HARD:
        out->hard = true;
        return CMT_OK;
    case KEY_HOME:
        return read_name("--home", text, &out->home, err);
    case KEY_BACKEND:
        return read_name("--db-backend", text, &out->db_backend, err);
    case KEY_RETAIN_HEIGHT:
        return cmd_parse_count("--retain-height", text, &out->retain_height, err);
    case 'b':
        return cmd_parse_count("--keep-blocks", text, &out->keep_blocks, err);
    case KEY_SWEEP:
        out->sweep = CMD_ON;
        return CMT_OK;
    case KEY_NO_SWEEP:
        out->sweep = CMD_OFF;
        return CMT_OK;
    case KEY_METHOD:
        return read_method(text, out, err);
    case KEY_FORCE:
        out->force = true;
        return CMT_OK;
    case KEY_DRY_RUN:
        out->dry_run = true;
        return CMT_OK;
    case 'y':
        out->yes = true;
        return CMT_OK;
    case KEY_DATABASE:
        return read_database(text, out, err);
    case KEY_VALUES:
        out->values = true;
        return CMT_OK;
    case 'o':
        return read_output(text, out, err);
    case 'q':
        out->quiet = true;
        return CMT_OK;
    case KEY_LOG_LEVEL:
        return read_log_level(text, out, err);
    case KEY_LOG_FORMAT:
        return read_log_format(text, out, err);
    case 'h':
        out->ask = CMD_ASK_HELP;
        return CMT_OK;
    default: /* 'V': the table has no other */
        out->ask = out->ask == CMD_ASK_HELP ? CMD_ASK_HELP : CMD_ASK_VERSION;
        return CMT_OK;
    }
}

cmt_status cmd_parse_number(const char *what, const char *text, int64_t least, int64_t most,
                            int64_t *out, cmt_error *err)
{
    int64_t value = 0;
    bool valid = text[0] != '\0';
    for (const char *p = text; *p != '\0' && valid; p++)
        valid = *p >= '0' && *p <= '9' && !__builtin_mul_overflow(value, 10, &value) &&
                !__builtin_add_overflow(value, *p - '0', &value);
    if (valid && value >= least && value <= most) {
        *out = value;
        return CMT_OK;
    }
    if (most == INT64_MAX)
        return cmt_error_set(err, CMT_INVALID,
                             "%s wants a whole number of %" PRId64 " or more, not \"%.64s\"", what,
                             least, text);
    return cmt_error_set(err, CMT_INVALID,
                         "%s wants a whole number from %" PRId64 " to %" PRId64 ", not \"%.64s\"",
                         what, least, most, text);
}

cmt_status cmd_parse_count(const char *what, const char *text, int64_t *out, cmt_error *err)
{
    return cmd_parse_number(what, text, 1, INT64_MAX, out, err);
}
