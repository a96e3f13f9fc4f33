/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the command line that are no options.
 */
#include "words.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    cmd_command command;
    const char *name;
} commands[] = {
    {CMD_INFO, "info"},
    {CMD_PLAN, "plan"},
    {CMD_PRUNE, "prune"},
    {CMD_COMPACT, "compact"},
    {CMD_PRUNE_AND_COMPACT, "prune-and-compact"},
    {CMD_DUMP, "dump"},
    {CMD_ROLLBACK, "rollback"},
    {CMD_REPLAY, "replay"},
    {CMD_GEN, "gen"},
    {CMD_PIN, "pin"},
};

const char *cmd_command_name(cmd_command command)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (commands[i].command == command)
            return commands[i].name;
    return "";
}

static cmd_command find_command(const char *word)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        size_t k = 0;
        while (word[k] != '\0' &&
               (word[k] == commands[i].name[k] || (word[k] == '_' && commands[i].name[k] == '-')))
            k++;
        if (word[k] == '\0' && commands[i].name[k] == '\0')
            return commands[i].command;
    }
    return CMD_NONE;
}

/* ---- a command and a directory --------------------------------------------------------------- */

/* [DATA_DIR] COMMAND, or the other way round. */
static cmt_status read_pair(const char *const *words, size_t count, cmd_options *out,
                            cmt_error *err)
{
    const char *first = words[0];
    const char *second = count > 1 ? words[1] : NULL;
    if (count > 2)
        return cmt_error_set(err, CMT_INVALID, "one argument too many: \"%.100s\"", words[2]);
    out->command = find_command(second != NULL ? second : first);
    if (second == NULL)
        return out->command != CMD_NONE
                   ? CMT_OK
                   : cmt_error_set(err, CMT_INVALID,
                                   "\"%.100s\" is not a command; see cmtstore --help", first);
    out->data_dir = first;
    if (out->command == CMD_NONE) {
        out->command = find_command(first);
        out->data_dir = second;
    } else if (find_command(first) != CMD_NONE) {
        return cmt_error_set(
            err, CMT_INVALID,
            "two commands, %.40s and %.40s; if the first is a directory, write ./%.40s", first,
            second, first);
    }
    if (out->command == CMD_NONE)
        return cmt_error_set(err, CMT_INVALID,
                             "neither \"%.100s\" nor \"%.100s\" is a command; see cmtstore --help",
                             first, second);
    return out->data_dir[0] != '\0'
               ? CMT_OK
               : cmt_error_set(err, CMT_INVALID, "the data directory is empty");
}

/* ---- pin ------------------------------------------------------------------------------------- */

static cmd_pin_action find_pin_action(const char *word)
{
    static const char *const names[] = {"", "add", "remove", "list"};
    for (size_t i = CMD_PIN_ADD; i < COUNT(names); i++)
        if (strcmp(word, names[i]) == 0)
            return (cmd_pin_action)i;
    return CMD_PIN_NONE;
}

/* What follows "pin": an action, a name where it wants one, and a directory if none stood before. */
static cmt_status read_pin(const char *const *words, size_t count, cmd_options *out, cmt_error *err)
{
    size_t at = 1;
    out->command = CMD_PIN;
    out->pin_action = count > 0 ? find_pin_action(words[0]) : CMD_PIN_NONE;
    if (count == 0 && out->ask != CMD_ASK_RUN)
        return CMT_OK;
    if (out->pin_action == CMD_PIN_NONE)
        return cmt_error_set(err, CMT_INVALID,
                             "pin wants add NAME, remove NAME or list; see cmtstore pin --help");
    if (out->pin_action != CMD_PIN_LIST) {
        if (count < 2)
            return cmt_error_set(err, CMT_INVALID, "pin %s wants a name", words[0]);
        out->pin_name = words[at++];
    }
    if (at < count && out->data_dir == NULL)
        out->data_dir = words[at++];
    if (at < count)
        return cmt_error_set(err, CMT_INVALID, "one argument too many: \"%.100s\"", words[at]);
    return out->data_dir == NULL || out->data_dir[0] != '\0'
               ? CMT_OK
               : cmt_error_set(err, CMT_INVALID, "the data directory is empty");
}

cmt_status cmd_words_read(const char *const *words, size_t count, cmd_options *out, cmt_error *err)
{
    if (count == 0)
        return CMT_OK;
    if (find_command(words[0]) == CMD_PIN)
        return read_pin(words + 1, count - 1, out, err);
    if (count > 1 && find_command(words[1]) == CMD_PIN && find_command(words[0]) == CMD_NONE) {
        out->data_dir = words[0];
        return read_pin(words + 2, count - 2, out, err);
    }
    return read_pair(words, count, out, err);
}
