/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of --help.
 */
#include "help.h"

#define EXIT_CODES                                                                                 \
    "Exit codes: 0 done, or nothing to do; 1 failure; 2 usage or config.toml; 3 refused by a "     \
    "safety rule; 4 the database is in use; 5 not enough disk; 130 interrupted, consistent.\n"

static const char program_text[] =
    "Prune, compact and inspect the block store and state store of a CometBFT node.\n"
    "\n"
    "Commands:\n"
    "  info               heights, chain, engine, sizes; beside a running node too\n"
    "  plan               what prune would do; beside a running node too\n"
    "  prune              remove what is below a height\n"
    "  compact            give space back without removing anything\n"
    "  prune-and-compact  both; the main job\n"
    "  dump               every pair of one database, one line each\n"
    "  rollback           the state one block back, as CometBFT's rollback\n"
    "  replay             the blocks of a home executed into a new one\n"
    "  gen                a new home with a chain that is made up\n"
    "  pin                heights that no prune goes beyond; beside a running node\n"
    "\n"
    "DATA_DIR is a directory that holds blockstore.db and state.db; then no config.toml is read. "
    "Else the home is --home, or the environment's CMTHOME, or $HOME/.cometbft (CometBFT itself "
    "lets CMTHOME win over --home; here the flag wins). Below a flag stand CMT_DB_BACKEND, "
    "CMT_DB_DIR, CMT_STORAGE_PRUNING_KEEP_BLOCKS, CMT_STORAGE_PRUNING_KEEP_FOR, "
    "CMT_STORAGE_PRUNING_KEEP_BYTES and CMT_STORAGE_PRUNING_SWEEP of the environment, "
    "then config.toml, then the defaults. Options may stand before and after the command, with "
    "dashes or underscores.\n"
    "\v"
    "Examples:\n"
    "  cmtstore --home ~/.gaia info\n"
    "  cmtstore --home ~/.gaia plan --keep-blocks 100000\n"
    "  cmtstore --home ~/.gaia prune-and-compact --keep-blocks 100000\n"
    "  cmtstore prune-and-compact --help\n"
    "\n" EXIT_CODES;

static const char info_text[] =
    "Show heights, chain id, engine, key layout, sizes and what earlier prunes left behind.\n"
    "Changes nothing, takes no lock, works beside a running node. Of RocksDB and pebble databases "
    "it tells the engine and the size.\n"
    "\v"
    "Examples:\n"
    "  cmtstore info --home ~/.gaia\n"
    "  cmtstore /backup/data info\n"
    "  cmtstore info --home ~/.gaia -o json | jq .blockstore.base\n";

static const char plan_text[] =
    "Show what prune would do with the same flags: the height, which rule decided it, what goes, "
    "what becomes of the tables, disk and time needed.\n"
    "Changes nothing, takes no lock, works beside a running node.\n"
    "\v"
    "Examples:\n"
    "  cmtstore plan --home ~/.gaia --keep-blocks 100000\n"
    "  cmtstore plan --home ~/.gaia --retain-height 15000000 -o json\n";

static const char prune_text[] =
    "Remove blocks below a height and the state records that belong to them.\n"
    "The node must be stopped; it may start again when the line that begins with \"ready:\" "
    "appears on standard error, while the space is still being given back. Each database is "
    "switched atomically: after a crash, run the same command again.\n"
    "\v"
    "Examples:\n"
    "  cmtstore prune --home ~/.gaia --keep-blocks 100000\n"
    "  cmtstore prune --home ~/.gaia --retain-height 15000000 --no-sweep\n"
    "  cmtstore prune --home ~/.gaia -b 100000 --yes -o json\n"
    "\n" EXIT_CODES;

static const char compact_text[] =
    "Give back the space of what was deleted or overwritten; every pair stays.\n"
    "The node must be stopped; it may start again when the line that begins with \"ready:\" "
    "appears on standard error.\n"
    "\v"
    "Examples:\n"
    "  cmtstore compact --home ~/.gaia\n"
    "  cmtstore compact --home ~/.gaia --dry-run\n"
    "\n" EXIT_CODES;

static const char prune_and_compact_text[] =
    "Prune, and leave no dead space behind in the tables that were touched.\n"
    "The node must be stopped; it may start again when the line that begins with \"ready:\" "
    "appears on standard error, while the space is still being given back. Each database is "
    "switched atomically: after a crash, run the same command again.\n"
    "\v"
    "Examples:\n"
    "  cmtstore prune-and-compact --home ~/.gaia --keep-blocks 100000\n"
    "  cmtstore /var/lib/node/data prune-and-compact -b 100000 --yes\n"
    "\n" EXIT_CODES;

static const char dump_text[] =
    "Print every pair of one database in key order: key in hex, length of the value, SHA-256 of "
    "the value; a line with the number of pairs and a digest over all of them on standard error.\n"
    "With -o json only one object with number and digest. Changes nothing, takes no lock, works "
    "beside a running node.\n"
    "\v"
    "Examples:\n"
    "  cmtstore dump --home ~/.gaia --db state\n"
    "  cmtstore dump --home ~/.gaia --db blockstore -o json\n"
    "  cmtstore /backup/data dump --db state --values\n";

static const char rollback_text[] =
    "Replace the state by the one before the last block, as CometBFT's rollback does: for a node "
    "that cannot go on because its application came to another app hash. The application has to go "
    "back by one block, too; the node then executes the block again.\n"
    "With --hard the last block is removed as well, and the node fetches it from its peers. May be "
    "repeated. The node must be stopped.\n"
    "\v"
    "Examples:\n"
    "  cmtstore rollback --home ~/.gaia\n"
    "  cmtstore rollback --home ~/.gaia --hard\n"
    "\n" EXIT_CODES;

static const char replay_text[] =
    "Execute the blocks of a home again, into a new one: what the application answered is taken "
    "from "
    "the record. Every block is validated, signatures included, and what comes of it is compared "
    "with "
    "what the next header says, at the end with the source's state. With the source's own settings "
    "the "
    "new databases hold the same pairs.\n"
    "The source is only read; a node may be running on it. Its blocks must begin at the first. "
    "Stopped or killed, the same command goes on; after a crash of the machine without --sync, "
    "remove the new home and begin again.\n"
    "\v"
    "Examples:\n"
    "  cmtstore replay --home ~/.gaia --to /data/again\n"
    "  cmtstore replay --home ~/.gaia --to /data/rocks --db-backend rocksdb\n"
    "  cmtstore /backup/data replay --to /data/short --retain-blocks 1000\n"
    "\n" EXIT_CODES;

static const char gen_text[] =
    "Make a home with a chain that is made up: blocks, votes with real signatures, results, "
    "states, "
    "as a node would have written them. The same options give the same pairs.\n"
    "Without --sync the disk is waited for once, at the end.\n"
    "\v"
    "Examples:\n"
    "  cmtstore gen --home /tmp/demo --blocks 10000\n"
    "  cmtstore gen --home /tmp/demo --blocks 500 --validators 50 --validators-every 20 --txs 100\n"
    "  cmtstore gen --home /tmp/demo --blocks 500 --release 1.0 --key-layout v2 --extensions-from "
    "5\n"
    "\n" EXIT_CODES;

static const char pin_text[] =
    "Pins are heights with a name: this block and all above stay, whatever a prune is asked to "
    "remove, until the pin is removed or has expired. Of several the lowest counts. Prunes by "
    "this program respect them, and a node's prune service; CometBFT itself does not know them.\n"
    "They are kept in cmtstore/pins of the data directory. If that file is damaged nothing is "
    "pruned. "
    "Works beside a running node.\n"
    "\v"
    "Examples:\n"
    "  cmtstore pin add backup --height 15000000 --home ~/.gaia --expires 72h\n"
    "  cmtstore pin list --home ~/.gaia -o json\n"
    "  cmtstore /var/lib/node/data pin remove backup\n"
    "\n" EXIT_CODES;

const char *cmd_help_arguments(cmd_command command)
{
    if (command == CMD_PIN)
        return "add NAME --height=H [DATA_DIR]\nremove NAME [DATA_DIR]\nlist [DATA_DIR]";
    if (command == CMD_GEN)
        return "--home=DIR --blocks=N";
    if (command == CMD_REPLAY)
        return "--to=DIR [DATA_DIR]";
    return command == CMD_NONE ? "[DATA_DIR] COMMAND" : "[DATA_DIR]";
}

const char *cmd_help_text(cmd_command command)
{
    switch (command) {
    case CMD_NONE:
        return program_text;
    case CMD_INFO:
        return info_text;
    case CMD_PLAN:
        return plan_text;
    case CMD_PRUNE:
        return prune_text;
    case CMD_COMPACT:
        return compact_text;
    case CMD_PRUNE_AND_COMPACT:
        return prune_and_compact_text;
    case CMD_DUMP:
        return dump_text;
    case CMD_ROLLBACK:
        return rollback_text;
    case CMD_REPLAY:
        return replay_text;
    case CMD_GEN:
        return gen_text;
    case CMD_PIN:
        return pin_text;
    }
    return program_text;
}
