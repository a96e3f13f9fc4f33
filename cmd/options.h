/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line.
 */
#ifndef CMT_CMD_OPTIONS_H
#define CMT_CMD_OPTIONS_H

#include "cmtstore/pruner.h"
#include "cmtstore/types_validators.h"

typedef enum cmd_command {
    CMD_NONE,
    CMD_INFO,
    CMD_PLAN,
    CMD_PRUNE,
    CMD_COMPACT,
    CMD_PRUNE_AND_COMPACT,
    CMD_DUMP,
    CMD_ROLLBACK,
    CMD_REPLAY,
    CMD_GEN,
    CMD_PIN,
} cmd_command;

/** What to do with pins. */
typedef enum cmd_pin_action {
    CMD_PIN_NONE,
    CMD_PIN_ADD,
    CMD_PIN_REMOVE,
    CMD_PIN_LIST
} cmd_pin_action;

/** The word on the command line; "" for CMD_NONE. */
const char *cmd_command_name(cmd_command command);

/* A flag that may be given either way, or not at all. */
typedef enum cmd_choice { CMD_UNSET, CMD_OFF, CMD_ON } cmd_choice;

typedef enum cmd_ask { CMD_ASK_RUN, CMD_ASK_HELP, CMD_ASK_VERSION } cmd_ask;

typedef struct cmd_options {
    cmd_ask ask;
    cmd_command command;
    const char *home;       /* --home, or NULL */
    const char *data_dir;   /* the positional argument, or NULL */
    const char *db_backend; /* --db-backend, or NULL */
    int64_t retain_height;  /* 0: not given */
    int64_t keep_blocks;    /* 0: not given, as the next two */
    int64_t keep_for_ns;
    uint64_t keep_bytes;
    cmd_choice sweep;
    cmt_prune_method method;
    bool force;
    bool dry_run;
    bool yes;
    bool quiet;
    bool json;
    bool values;
    const char *database; /* dump --db */
    bool has_log_level;
    cmt_log_level log_level;
    bool log_json;
    bool hard; /* rollback */
    cmd_pin_action pin_action;
    const char *pin_name;
    int64_t pin_height;  /* 0: not given */
    int64_t pin_expires; /* seconds since 1970; 0: not given */
    /* replay and gen; numbers are 0 when not given, but where a default is named */
    const char *to;
    int64_t until;
    int64_t blocks;
    int64_t validators; /* 1 */
    int64_t seed;       /* 1 */
    const char *chain_id;
    int64_t initial_height; /* 1 */
    int64_t txs;            /* 2 */
    int64_t tx_bytes;       /* 200 */
    int64_t validators_every;
    int64_t params_every;
    int64_t extensions_from;
    int64_t retain_blocks;
    const char *release_name; /* NULL: not given */
    cmt_release release;
    bool as_0_39;              /* one of 0.40 that is to be 0.39 */
    cmt_key_layout key_layout; /* 0: not given */
    bool discard_results;
    bool sync;
} cmd_options;

/**
 * Read the command line.  Options may stand before and after the command; in long ones dash and
 * underscore are the same.  Strings are borrowed from @p argv, which is rearranged and
 * gets its underscores changed.
 * @retval CMT_INVALID  usage
 */
CMT_MUST_CHECK cmt_status cmd_options_parse(int argc, char **argv, cmd_options *out,
                                            cmt_error *err);

/** Print the help of a command, or of the program for CMD_NONE, on standard output. */
void cmd_options_help(cmd_command command);

/** A decimal number within limits, digits only; @p what names it in the message. */
CMT_MUST_CHECK cmt_status cmd_parse_number(const char *what, const char *text, int64_t least,
                                           int64_t most, int64_t *out, cmt_error *err);

/** A decimal number of 1 or more, digits only; @p what names it in the message. */
CMT_MUST_CHECK cmt_status cmd_parse_count(const char *what, const char *text, int64_t *out,
                                          cmt_error *err);

#endif
