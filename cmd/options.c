/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one table of options with the commands that take them, read by argp.
 */
#include "options.h"

#include "help.h"
#include "option_values.h"
#include "words.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ON(command) (1u << (command))
#define PRUNERS (ON(CMD_PLAN) | ON(CMD_PRUNE) | ON(CMD_PRUNE_AND_COMPACT))
#define PLANNERS (PRUNERS | ON(CMD_COMPACT))
#define MAKERS (ON(CMD_REPLAY) | ON(CMD_GEN))
#define SWEEPERS (PRUNERS | MAKERS)
#define EVERYWHERE (~0u)

typedef struct option_rule {
    struct argp_option option;
    unsigned commands; /* that take it */
} option_rule;

#define TITLE(text, group)                                                                         \
    {                                                                                              \
        NULL, 0, NULL, 0, text, group                                                              \
    }

static const option_rule rules[] = {
    {TITLE("Which node:", 1), EVERYWHERE},
    {{"home", KEY_HOME, "DIR", 0, "Home of the node: config/config.toml and data/ are below it", 0},
     EVERYWHERE},
    {{"db-backend", KEY_BACKEND, "NAME", 0,
      "The engine that the databases must have, or that those of a new home get", 0},
     EVERYWHERE},
    {{"backend", KEY_BACKEND, NULL, OPTION_ALIAS, NULL, 0}, EVERYWHERE},

    {TITLE("What to keep:", 2), MAKERS},
    {{"retain-blocks", KEY_RETAIN_BLOCKS, "N", 0,
      "The application asks at each commit to keep the last N blocks only", 0},
     MAKERS},

    {TITLE("What to keep (--retain-height, or as much as the others say, whichever keeps most; "
           "default: [storage.pruning] of config.toml):",
           2),
     PRUNERS},
    {{"retain-height", KEY_RETAIN_HEIGHT, "H", 0, "Lowest height to keep", 0}, PRUNERS},
    {{"keep-blocks", 'b', "N", 0, "Keep the last N blocks", 0}, PRUNERS},
    {{"keep-for", KEY_KEEP_FOR, "DURATION", 0,
      "Keep blocks not older than this when the last one was made, such as 72h", 0},
     PRUNERS},
    {{"keep-bytes", KEY_KEEP_BYTES, "SIZE", 0,
      "Keep as many of the last blocks as take up about this much, such as 200GB", 0},
     PRUNERS},
    {{"sweep", KEY_SWEEP, NULL, 0,
      "Also remove what earlier prunes left behind (default, unless config.toml says sweep = "
      "false)",
      0},
     SWEEPERS},
    {{"no-sweep", KEY_NO_SWEEP, NULL, 0, "Leave what earlier prunes left behind, as CometBFT does",
      0},
     SWEEPERS},
    {{"force", KEY_FORCE, NULL, 0,
      "Lift the floors that keep a rollback possible and respect a data companion", 0},
     PRUNERS},

    {TITLE("How to run:", 3), PLANNERS},
    {{"method", KEY_METHOD, "METHOD", 0,
      "edit: exchange files in one step; engine: let the database engine delete; auto: what fits",
      0},
     PLANNERS},
    {{"dry-run", KEY_DRY_RUN, NULL, 0, "Show the plan and change nothing", 0}, PLANNERS},
    {{"yes", 'y', NULL, 0, "Do not ask (without a terminal nothing is asked anyway)", 0}, PLANNERS},

    {TITLE("What to do:", 4), ON(CMD_ROLLBACK) | ON(CMD_PIN) | MAKERS},
    {{"height", KEY_PIN_HEIGHT, "H", 0, "Lowest height that has to stay", 0}, ON(CMD_PIN)},
    {{"expires", KEY_EXPIRES, "WHEN", 0,
      "For how long: a duration such as 72h, or a time such as 2026-01-31T12:00:00Z (default: "
      "until it is removed)",
      0},
     ON(CMD_PIN)},
    {{"hard", KEY_HARD, NULL, 0, "Remove the last block as well as the state", 0},
     ON(CMD_ROLLBACK)},
    {{"to", KEY_TO, "DIR", 0, "Home to make: absent, empty, or left by an earlier replay", 0},
     ON(CMD_REPLAY)},
    {{"until", KEY_UNTIL, "H", 0, "Last height to execute (default: all)", 0}, ON(CMD_REPLAY)},
    {{"blocks", KEY_BLOCKS, "N", 0, "How many blocks to make", 0}, ON(CMD_GEN)},
    {{"validators", KEY_VALIDATORS, "N", 0, "How many validators begin the chain (default: 1)", 0},
     ON(CMD_GEN)},
    {{"seed", KEY_SEED, "S", 0, "Everything follows from it (default: 1)", 0}, ON(CMD_GEN)},
    {{"chain-id", KEY_CHAIN_ID, "ID", 0, "Default: cmtstore-gen", 0}, ON(CMD_GEN)},
    {{"initial-height", KEY_INITIAL_HEIGHT, "H", 0, "Height of the first block (default: 1)", 0},
     ON(CMD_GEN)},
    {{"txs", KEY_TXS, "N", 0, "At most so many transactions in a block (default: 2)", 0},
     ON(CMD_GEN)},
    {{"tx-bytes", KEY_TX_BYTES, "N", 0, "At most so many bytes in each (default: 200)", 0},
     ON(CMD_GEN)},
    {{"validators-every", KEY_VALIDATORS_EVERY, "N", 0,
      "A validator joins, leaves or changes its power every N blocks", 0},
     ON(CMD_GEN)},
    {{"params-every", KEY_PARAMS_EVERY, "N", 0, "Consensus parameters change every N blocks", 0},
     ON(CMD_GEN)},
    {{"extensions-from", KEY_EXTENSIONS_FROM, "H", 0, "Votes carry extensions from height H on", 0},
     ON(CMD_GEN)},
    {{"release", KEY_RELEASE, "NAME", 0,
      "Which CometBFT to be: 0.38, 0.39, 0.40 or 1.0 (default: as the source was, else 0.38); that "
      "a "
      "source was 0.39 and not 0.40 its databases do not tell",
      0},
     MAKERS},
    {{"key-layout", KEY_LAYOUT, "NAME", 0, "v1, or with 1.0 v2 (default: as the source, else v1)",
      0},
     MAKERS},
    {{"discard-results", KEY_DISCARD, NULL, 0,
      "Keep the results of the last block only, as discard_abci_responses does", 0},
     MAKERS},
    {{"sync", KEY_SYNC, NULL, 0, "Wait for the disk at each block, as a node does; else at the end",
      0},
     MAKERS},

    {TITLE("What to print:", 5), ON(CMD_DUMP)},
    {{"db", KEY_DATABASE, "NAME", 0, "blockstore or state", 0}, ON(CMD_DUMP)},
    {{"values", KEY_VALUES, NULL, 0, "Values in hex instead of their lengths and digests", 0},
     ON(CMD_DUMP)},

    {TITLE("Output:", 6), EVERYWHERE},
    {{"output", 'o', "FORMAT", 0, "text or json: one object on standard output", 0}, EVERYWHERE},
    {{"quiet", 'q', NULL, 0, "No plan, no progress, no log lines but errors", 0}, EVERYWHERE},
    {{"log-level", KEY_LOG_LEVEL, "LEVEL", 0,
      "debug, info, warn or error (default: warn at a terminal, else info)", 0},
     EVERYWHERE},
    {{"log-format", KEY_LOG_FORMAT, "FORMAT", 0, "plain or json, for log lines on standard error",
      0},
     EVERYWHERE},
    {{"help", 'h', NULL, 0, "This help; after a command, the help of that command", -1},
     EVERYWHERE},
    {{"version", 'V', NULL, 0, "The version of this program", -1}, EVERYWHERE},
};

/* What the argp callback fills. */
typedef struct parsing {
    cmd_options *out;
    cmt_error *err;
    cmt_status status;
    unsigned given[COUNT(rules)]; /* times that the option of each rule was given */
    const char *positional[CMD_WORDS_MAX];
    size_t positional_count;
} parsing;

static const option_rule *find_rule(int key)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        if (rules[i].option.key == key && rules[i].option.name != NULL)
            return &rules[i];
    return NULL;
}

static const option_rule *find_long(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        const char *known = rules[i].option.name;
        if (known != NULL && strlen(known) == size && memcmp(known, name, size) == 0)
            return &rules[i];
    }
    return NULL;
}

/* An alias takes what its original takes. */
static bool takes_value(const option_rule *rule)
{
    return find_rule(rule->option.key)->option.arg != NULL;
}

/* ---- before argp: one spelling, and sentences of our own ------------------------------------- */

/* "--some_flag=x" becomes "--some-flag=x", where it stands. */
static void use_dashes(char *word)
{
    for (char *p = word; *p != '\0' && *p != '='; p++)
        if (*p == '_')
            *p = '-';
}

/* Checks the long option @p word; *value_follows: its value is the next argument. */
static cmt_status check_long(const char *word, bool *value_follows, cmt_error *err)
{
    const char *name = word + 2;
    size_t size = strcspn(name, "=");
    const option_rule *rule = find_long(name, size);
    if (rule == NULL)
        return cmt_error_set(err, CMT_INVALID, "unknown option %.100s; see cmtstore --help", word);
    if (!takes_value(rule) && name[size] == '=')
        return cmt_error_set(err, CMT_INVALID, "--%s takes no value", rule->option.name);
    *value_follows = takes_value(rule) && name[size] == '\0';
    return CMT_OK;
}

/* Checks a cluster of short options. */
static cmt_status check_short(const char *word, bool *value_follows, cmt_error *err)
{
    *value_follows = false;
    for (const char *p = word + 1; *p != '\0'; p++) {
        const option_rule *rule = find_rule((unsigned char)*p);
        if (rule == NULL)
            return cmt_error_set(err, CMT_INVALID, "unknown option %.100s; see cmtstore --help",
                                 word);
        if (takes_value(rule)) {
            *value_follows = p[1] == '\0';
            return CMT_OK;
        }
    }
    return CMT_OK;
}

static cmt_status normalise(int argc, char **argv, cmt_error *err)
{
    bool is_value = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool is_option = !is_value && argv[i][0] == '-' && argv[i][1] != '\0';
        is_value = false;
        if (is_option && argv[i][1] == '-') {
            use_dashes(argv[i]);
            CMT_TRY(check_long(argv[i], &is_value, err));
        } else if (is_option) {
            CMT_TRY(check_short(argv[i], &is_value, err));
        }
    }
    if (is_value)
        return cmt_error_set(err, CMT_INVALID, "%.100s wants a value", argv[argc - 1]);
    return CMT_OK;
}

/* ---- argp ---------------------------------------------------------------------------------- */

static error_t take(int key, char *text, struct argp_state *state)
{
    parsing *p = state->input;
    if (key == ARGP_KEY_ARG) {
        if (p->positional_count == COUNT(p->positional)) {
            p->status =
                cmt_error_set(p->err, CMT_INVALID, "one argument too many: \"%.100s\"", text);
            return EINVAL;
        }
        p->positional[p->positional_count++] = text;
        return 0;
    }
    const option_rule *rule = find_rule(key);
    if (rule == NULL)
        return ARGP_ERR_UNKNOWN;
    p->given[rule - rules]++;
    p->status = cmd_option_read(key, text, p->out, p->err);
    return p->status == CMT_OK ? 0 : EINVAL;
}

/* Leaves out argp's remark on options that have a short and a long form. */
static char *filter_help(int key, const char *text, void *input)
{
    (void)input;
    return key == ARGP_KEY_HELP_DUP_ARGS_NOTE ? NULL : (char *)(uintptr_t)text;
}

/* ---- after argp: what belongs together ------------------------------------------------------ */

static cmt_status check_pin(const cmd_options *out, cmt_error *err)
{
    bool adds = out->pin_action == CMD_PIN_ADD;
    if (adds && out->pin_height == 0)
        return cmt_error_set(err, CMT_INVALID,
                             "pin add wants --height H, the lowest height that has to stay");
    if (!adds && (out->pin_height != 0 || out->pin_expires != 0))
        return cmt_error_set(err, CMT_INVALID, "--height and --expires go with pin add only");
    return CMT_OK;
}

static cmt_status check_required(const cmd_options *out, cmt_error *err)
{
    if (out->command == CMD_PIN)
        return check_pin(out, err);
    if (out->command == CMD_DUMP && out->database == NULL)
        return cmt_error_set(err, CMT_INVALID, "dump wants --db blockstore or --db state");
    if (out->command == CMD_REPLAY && out->to == NULL)
        return cmt_error_set(err, CMT_INVALID, "replay wants --to DIR, the home to make");
    if (out->command == CMD_GEN && (out->blocks == 0 || out->home == NULL))
        return cmt_error_set(err, CMT_INVALID,
                             "gen wants --home DIR, the home to make, and --blocks N");
    return CMT_OK;
}

static cmt_status check_given(const parsing *p, const cmd_options *out, cmt_error *err)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        if (p->given[i] > 0 && (rules[i].commands & ON(out->command)) == 0)
            return cmt_error_set(err, CMT_INVALID,
                                 "--%s does not go with %s; see cmtstore %s --help",
                                 rules[i].option.name, cmd_command_name(out->command),
                                 cmd_command_name(out->command));
    if (out->retain_height > 0 &&
        (out->keep_blocks > 0 || out->keep_for_ns > 0 || out->keep_bytes > 0))
        return cmt_error_set(err, CMT_INVALID,
                             "give either --retain-height or --keep-blocks, --keep-for and "
                             "--keep-bytes, not both");
    if (out->command == CMD_GEN && out->data_dir != NULL)
        return cmt_error_set(err, CMT_INVALID, "gen makes a whole home; give it with --home");
    if (out->home != NULL && out->data_dir != NULL)
        return cmt_error_set(err, CMT_INVALID, "give either --home or a data directory, not both");
    return check_required(out, err);
}

cmt_status cmd_options_parse(int argc, char **argv, cmd_options *out, cmt_error *err)
{
    *out = (cmd_options){
        .ask = CMD_ASK_RUN,
        .command = CMD_NONE,
        .validators = 1,
        .seed = 1,
        .chain_id = "cmtstore-gen",
        .initial_height = 1,
        .txs = 2,
        .tx_bytes = 200,
    };
    CMT_TRY(normalise(argc, argv, err));
    struct argp_option table[COUNT(rules) + 1] = {{0}};
    for (size_t i = 0; i < COUNT(rules); i++)
        table[i] = rules[i].option;
    parsing p = {.out = out, .err = err, .status = CMT_OK};
    const struct argp argp = {.options = table, .parser = take};
    unsigned flags = ARGP_NO_HELP | ARGP_NO_ERRS | ARGP_NO_EXIT;
    error_t failed = argp_parse(&argp, argc, argv, flags, NULL, &p);
    if (p.status != CMT_OK)
        return p.status;
    if (failed != 0)
        return cmt_error_set(err, CMT_INVALID,
                             "the command line cannot be read; see cmtstore --help");
    CMT_TRY(cmd_words_read(p.positional, p.positional_count, out, err));
    if (out->ask != CMD_ASK_RUN)
        return CMT_OK;
    if (out->command == CMD_NONE)
        return cmt_error_set(err, CMT_INVALID, "no command; see cmtstore --help");
    return check_given(&p, out, err);
}

void cmd_options_help(cmd_command command)
{
    struct argp_option table[COUNT(rules) + 1] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (command == CMD_NONE ? rules[i].commands == EVERYWHERE : rules[i].commands & ON(command))
            table[count++] = rules[i].option;
    char name[64];
    snprintf(name, sizeof name, "cmtstore%s%s", command != CMD_NONE ? " " : "",
             cmd_command_name(command));
    const struct argp argp = {.options = table,
                              .help_filter = filter_help,
                              .args_doc = cmd_help_arguments(command),
                              .doc = cmd_help_text(command)};
    argp_help(&argp, stdout,
              ARGP_HELP_STD_HELP & ~(unsigned)(ARGP_HELP_EXIT_OK | ARGP_HELP_BUG_ADDR), name);
}
