/* SPDX-License-Identifier: Apache-2.0
 *
 * config/: what is read from config.toml, what is refused, and how it is said.
 */
#include "config_support.h"
#include "suite.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static void load_fixture(const char *name)
{
    char path[512];
    name_fixture(name, path);
    error = (cmt_error)CMT_ERROR_INIT;
    ck_assert_msg(cmt_config_load(path, &config, &error) == CMT_OK, "%s", error.message);
}

/* ---- what is read -------------------------------------------------------------------------- */

START_TEST(defaults_are_those_of_cometbft)
{
    cmt_config d;
    cmt_config_defaults(&d);
    ck_assert_str_eq(d.db_backend, "");
    ck_assert_str_eq(d.db_dir, "data");
    ck_assert_str_eq(d.key_layout, "");
    ck_assert(!d.discard_abci_responses && !d.compact && !d.has_compact && !d.companion_enabled);
    ck_assert_int_eq(d.compaction_interval, 1000);
    ck_assert_int_eq(d.pruning_interval_ns, 10 * SECOND);
    ck_assert_int_eq(d.keep_blocks, 0);
    ck_assert_int_eq(d.keep_for_ns, 0);
    ck_assert_uint_eq(d.keep_bytes, 0);
    ck_assert_str_eq(d.prune, "");
    ck_assert(d.sweep);
}
END_TEST

START_TEST(an_empty_file_is_the_defaults)
{
    cmt_config d;
    cmt_config_defaults(&d);
    accepts("");
    ck_assert_str_eq(config.db_dir, d.db_dir);
    ck_assert_int_eq(config.compaction_interval, d.compaction_interval);
    ck_assert(config.sweep && !config.has_compact);
    accepts("\n\n# nothing\n");
    accepts("[storage]\n");
}
END_TEST

START_TEST(reads_the_file_of_a_037_node)
{
    load_fixture("0.37.toml");
    ck_assert_str_eq(config.db_backend, "goleveldb");
    ck_assert_str_eq(config.db_dir, "data");
    ck_assert_str_eq(config.key_layout, "");
    ck_assert(!config.has_compact && !config.discard_abci_responses);
}
END_TEST

START_TEST(reads_the_file_of_a_038_node)
{
    load_fixture("0.38.toml");
    ck_assert_str_eq(config.db_backend, "goleveldb");
    ck_assert(!config.has_compact);
    ck_assert_int_eq(config.keep_blocks, 0);
}
END_TEST

START_TEST(reads_the_file_of_a_10_node)
{
    load_fixture("1.0.toml");
    ck_assert_str_eq(config.db_backend, "pebbledb");
    ck_assert_str_eq(config.key_layout, "v1");
    ck_assert(config.has_compact && !config.compact);
    ck_assert_int_eq(config.compaction_interval, 1000);
    ck_assert_int_eq(config.pruning_interval_ns, 10 * SECOND);
    ck_assert(!config.companion_enabled);
}
END_TEST

START_TEST(reads_every_key)
{
    accepts("db_backend = \"cleveldb\"\n"
            "db_dir = \"/var/lib/node/data\"\n"
            "[storage]\n"
            "discard_abci_responses = true\n"
            "experimental_db_key_layout = \"v2\"\n"
            "compact = true\n"
            "compaction_interval = 77\n"
            "indexer_pruning_enabled = true\n"
            "[storage.pruning]\n"
            "interval = \"1h30m\"\n"
            "prune = \"service\"\n"
            "keep_blocks = 100_000\n"
            "keep_for = \"72h\"\n"
            "keep_bytes = \"200G\"\n"
            "sweep = false\n"
            "[storage.pruning.data_companion]\n"
            "enabled = true\n"
            "initial_block_retain_height = 5\n"
            "initial_block_results_retain_height = 6\n");
    ck_assert_str_eq(config.db_backend, "cleveldb");
    ck_assert_str_eq(config.db_dir, "/var/lib/node/data");
    ck_assert(config.discard_abci_responses && config.compact && config.has_compact);
    ck_assert_str_eq(config.key_layout, "v2");
    ck_assert_int_eq(config.compaction_interval, 77);
    ck_assert_int_eq(config.pruning_interval_ns, 5400 * SECOND);
    ck_assert_int_eq(config.keep_blocks, 100000);
    ck_assert_str_eq(config.prune, "service");
    ck_assert_int_eq(config.keep_for_ns, 72 * 3600 * SECOND);
    ck_assert_uint_eq(config.keep_bytes, UINT64_C(200000000000));
    ck_assert(!config.sweep && config.companion_enabled);
    ck_assert_int_eq(config.companion_initial_block_retain_height, 5);
    ck_assert_int_eq(config.companion_initial_block_results_retain_height, 6);
}
END_TEST

START_TEST(compaction_interval_may_be_quoted)
{
    accepts("[storage]\ncompaction_interval = \"2500\"\n");
    ck_assert_int_eq(config.compaction_interval, 2500);
    accepts("[storage]\ncompaction_interval = 0\n");
    ck_assert_int_eq(config.compaction_interval, 0);
    accepts("[storage]\ncompaction_interval = \"9223372036854775807\"\n");
    ck_assert_int_eq(config.compaction_interval, INT64_MAX);
    static const char *const bad[] = {
        "\"\"",  "\" 5\"", "\"5 \"", "\"+5\"", "\"1e3\"", "\"0x10\"", "\"12x\"",
        "\"-\"", "true",   "1.5",    "[1]",    "\"-5\"",  "-1",       "\"9223372036854775808\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "[storage]\ncompaction_interval = %s\n", bad[i]);
        refuses(text, "line 2", "storage.compaction_interval must be", NULL);
    }
}
END_TEST

START_TEST(tables_may_be_inline_or_dotted)
{
    accepts("storage = {compact = true, pruning = {keep_blocks = 7, sweep = false}}\n");
    ck_assert_int_eq(config.keep_blocks, 7);
    ck_assert(!config.sweep && config.has_compact);
    accepts("storage.pruning.keep_blocks = 8\n");
    ck_assert_int_eq(config.keep_blocks, 8);
}
END_TEST

START_TEST(case_of_keys_does_not_matter_as_in_cometbft)
{
    accepts("DB_Dir = \"d\"\n[Storage.Pruning]\nKeep_Blocks = 9\n");
    ck_assert_str_eq(config.db_dir, "d");
    ck_assert_int_eq(config.keep_blocks, 9);
    refuses("[storage]\ncompact = true\nCompact = false\n", "storage.compact", "twice", NULL);
}
END_TEST

START_TEST(accepts_byte_order_mark_and_crlf)
{
    accepts("\xef\xbb\xbf"
            "db_backend = \"rocksdb\"\r\n[storage]\r\ncompact = true\r\n"
            "[storage.pruning]\r\nkeep_blocks = 12\r\n");
    ck_assert_str_eq(config.db_backend, "rocksdb");
    ck_assert_int_eq(config.keep_blocks, 12);
    ck_assert(config.compact);
}
END_TEST

START_TEST(keys_elsewhere_are_ignored)
{
    accepts("moniker = 5\n[p2p]\nstorage = true\nkeep_blocks = \"x\"\n[storage_of_others]\na = 1\n"
            "[[list]]\nx = 1\n[[list]]\nx = 2\n");
    accepts("\"storage.pruning\" = 5\n");
    ck_assert_int_eq(config.keep_blocks, 0);
}
END_TEST

START_TEST(any_backend_name_is_accepted_here)
{
    accepts("db_backend = \"nosuchdb\"\n");
    ck_assert_str_eq(config.db_backend, "nosuchdb");
}
END_TEST

START_TEST(a_quoted_key_means_the_same_as_a_bare_one)
{
    accepts("[\"storage\".'pruning']\n\"keep_blocks\" = 3\n");
    ck_assert_int_eq(config.keep_blocks, 3);
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------- */

START_TEST(wrong_types_are_refused_with_their_line)
{
    refuses("db_backend = 5\n", "line 1", "db_backend must be a string", NULL);
    refuses("db_dir = [\"data\"]\n", "line 1", "db_dir must be a string", NULL);
    refuses("\n[storage]\n\ncompact = \"true\"\n", "line 4",
            "storage.compact must be true or false", NULL);
    refuses("[storage]\ndiscard_abci_responses = 1\n", "must be true or false", NULL);
    refuses("[storage]\nexperimental_db_key_layout = 1\n", "one of", "v1 v2", NULL);
    refuses("[storage.pruning]\ninterval = 10\n", "must be a duration string", NULL);
    refuses("[storage.pruning]\nkeep_for = 10\n", "must be a duration string", NULL);
    refuses("[storage.pruning]\nkeep_for = \"-1s\"\n", "\"0s\" or longer", NULL);
    refuses("[storage.pruning]\nkeep_bytes = 10\n", "must be a size string", NULL);
    refuses("[storage.pruning]\nprune = \"\"\n", "one of the strings: inline service", NULL);
    refuses("[storage.pruning]\nkeep_blocks = \"10\"\n", "must be an integer", NULL);
    refuses("[storage.pruning]\nkeep_blocks = 1.5\n", "must be an integer", NULL);
    refuses("[storage.pruning]\nkeep_blocks = 1979-05-27\n", "must be an integer", NULL);
    refuses("[storage.pruning]\nsweep = \"false\"\n", "must be true or false", NULL);
    refuses("[storage.pruning.data_companion]\nenabled = 0\n", "must be true or false", NULL);
    refuses("storage = 1\n", "storage must be a table", NULL);
    refuses("[[storage]]\n", "storage must be a table", NULL);
    refuses("[storage]\npruning = true\n", "storage.pruning must be a table", NULL);
}
END_TEST

START_TEST(values_out_of_range_are_refused)
{
    refuses("[storage.pruning]\nkeep_blocks = -1\n", "line 2", "keep_blocks must be 0 or more",
            NULL);
    refuses("[storage.pruning]\nkeep_blocks = 9223372036854775808\n", "fits in 64 bits", NULL);
    refuses("[storage.pruning]\nkeep_blocks = 0x8000000000000000\n", "fits in 64 bits", NULL);
    refuses("[storage.pruning]\nkeep_blocks = 99_999_999_999_999_999_999\n", "64 bits", NULL);
    accepts("[storage.pruning]\nkeep_blocks = 9223372036854775807\n");
    ck_assert_int_eq(config.keep_blocks, INT64_MAX);
    refuses("[storage.pruning]\ninterval = \"0s\"\n", "longer than", NULL);
    refuses("[storage.pruning]\ninterval = \"-1s\"\n", "longer than", NULL);
    refuses("[storage.pruning]\ninterval = \"ten\"\n", "line 2", "\"ten\" is not a duration", NULL);
    refuses("[storage]\nexperimental_db_key_layout = \"v3\"\n", "v1 v2", NULL);
    refuses("[storage]\nexperimental_db_key_layout = \"\"\n", "v1 v2", NULL);
    refuses("[storage]\nexperimental_db_key_layout = \"v1 v2\"\n", "v1 v2", NULL);
    refuses("db_dir = \"a\\u0000b\"\n", "printable", NULL);
    refuses("db_dir = \"a\\nb\"\n", "printable", NULL);
    refuses("db_backend = \"0123456789012345678901234567890123456789\"\n", "longer than 31", NULL);
}
END_TEST

START_TEST(companion_heights_count_only_when_enabled)
{
    accepts(
        "[storage.pruning.data_companion]\nenabled = false\ninitial_block_retain_height = -5\n");
    refuses("[storage.pruning.data_companion]\nenabled = true\ninitial_block_retain_height = -5\n",
            "initial_block_retain_height must be 0 or more", NULL);
    refuses("[storage.pruning.data_companion]\nenabled = true\n"
            "initial_block_results_retain_height = -1\n",
            "initial_block_results_retain_height must be 0 or more", NULL);
}
END_TEST

START_TEST(unknown_keys_get_the_nearest_known_one)
{
    refuses("[storage]\n\ncompakt = true\n", "line 3", "unknown key storage.compakt",
            "did you mean storage.compact?", NULL);
    refuses("[storage]\ncompaction-interval = 5\n", "did you mean storage.compaction_interval?",
            NULL);
    refuses("[storage]\ndiscard_abci_response = true\n", "storage.discard_abci_responses?", NULL);
    refuses("[storage.pruning]\nkeep_block = 5\n", "storage.pruning.keep_blocks?", NULL);
    refuses("[storage.pruning]\nsweeep = true\n", "storage.pruning.sweep?", NULL);
    refuses("[storage.pruning.data_companion]\nenable = true\n",
            "storage.pruning.data_companion.enabled?", NULL);
    refuses("[storage.compaction]\nque_size = 5\n", "storage.compaction.queue_size?", NULL);
    refuses("[storage.prunning]\nkeep_blocks = 5\n", "line 1", "unknown key storage.prunning",
            "did you mean storage.pruning?", NULL);
}
END_TEST

START_TEST(a_known_key_in_the_wrong_table_is_led_home)
{
    refuses("[storage]\nkeep_blocks = 5\n", "did you mean storage.pruning.keep_blocks?", NULL);
    refuses("[storage.pruning]\ncompact = true\n", "did you mean storage.compact?", NULL);
    refuses("[storage.pruning]\nqueue_size = 5\n", "did you mean storage.compaction.queue_size?",
            NULL);
}
END_TEST

START_TEST(strange_keys_are_shown_without_control_characters)
{
    refuses("[storage]\n\"a\\nb\\u001b[31m\" = 1\n", "unknown key storage.\"a?b?[31m\"", NULL);
    refuses("[storage]\n\"\" = 1\n", "unknown key storage.\"\"", NULL);
}
END_TEST

START_TEST(keys_of_the_compactor_have_defaults)
{
    accepts("[storage.compaction]\n");
    const cmt_config_compactor *c = &config.compactor;
    ck_assert_str_eq(c->mode, "async");
    ck_assert_int_eq(c->queue_size, 16);
    ck_assert_int_eq(c->interval_ns, 3600 * SECOND);
    ck_assert_int_eq(c->poll_interval_ns, 10 * SECOND);
    ck_assert(c->min_dead_ratio == 0.3);
    ck_assert(c->max_free_ratio == 0.20);
    ck_assert(c->max_tombstone_ratio == 0.10);
    ck_assert_int_eq(c->min_work, 1);
    ck_assert_uint_eq(c->min_bytes, 10000000);
    ck_assert_int_eq(c->backup_keep_ns, 7 * 86400 * SECOND);
    ck_assert_int_eq(c->pause_ns, SECOND / 50);
    ck_assert_str_eq(c->fallback, "bounded");
    ck_assert_int_eq(c->fallback_budget_ns, SECOND / 2);
    ck_assert_str_eq(c->role, "full");
}
END_TEST

START_TEST(reads_every_key_of_the_compactor)
{
    accepts("[storage.compaction]\nmode = \"sync\"\nqueue_size = 1\ninterval = \"90s\"\n"
            "min_dead_ratio = 0.25\nmin_size = \"2MiB\"\npause = \"0s\"\nfallback = \"never\"\n"
            "fallback_budget = \"1s\"\nrole = \"validator\"\n"
            "poll_interval = \"2s\"\nmax_free_ratio = 0.5\nmax_tombstone_ratio = 0\n"
            "min_work = 1000\nbackup_keep = \"168h\"\n");
    const cmt_config_compactor *c = &config.compactor;
    ck_assert_int_eq(c->poll_interval_ns, 2 * SECOND);
    ck_assert(c->max_free_ratio == 0.5);
    ck_assert(c->max_tombstone_ratio == 0);
    ck_assert_int_eq(c->min_work, 1000);
    ck_assert_int_eq(c->backup_keep_ns, 168 * 3600 * SECOND);
    ck_assert_str_eq(c->mode, "sync");
    ck_assert_int_eq(c->queue_size, 1);
    ck_assert_int_eq(c->interval_ns, 90 * SECOND);
    ck_assert(c->min_dead_ratio == 0.25);
    ck_assert_uint_eq(c->min_bytes, 2 << 20);
    ck_assert_int_eq(c->pause_ns, 0);
    ck_assert_str_eq(c->fallback, "never");
    ck_assert_int_eq(c->fallback_budget_ns, SECOND);
    ck_assert_str_eq(c->role, "validator");
    accepts("[storage.compaction]\nmin_dead_ratio = 1\n");
    ck_assert(c->min_dead_ratio == 1);
}
END_TEST

START_TEST(backups_may_be_kept_for_days)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } table[] = {{"7d", 604800}, {"168h", 604800}, {"1d12h", 129600}, {"0.5d", 43200},
                 {"0d", 0},      {"0s", 0},        {"0", 0},          {"36500d", 3153600000}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "[storage.compaction]\nbackup_keep = \"%s\"\n", table[i].text);
        accepts(text);
        ck_assert_int_eq(config.compactor.backup_keep_ns, table[i].seconds * SECOND);
    }
    refuses("[storage.compaction]\nbackup_keep = \"-1d\"\n", "or longer", NULL);
    refuses("[storage.compaction]\nbackup_keep = \"7\"\n", "is not a duration", NULL);
    refuses("[storage.compaction]\nbackup_keep = \"7D\"\n", "is not a duration", NULL);
    refuses("[storage.compaction]\nbackup_keep = \"200000d\"\n", "is not a duration", NULL);
    refuses("[storage.compaction]\nbackup_keep = 7\n", "duration string", NULL);
    /* Go has no days, and the keys of CometBFT have none. */
    refuses("[storage.pruning]\ninterval = \"1d\"\n", "is not a duration", NULL);
    refuses("[storage.compaction]\ninterval = \"1d\"\n", "is not a duration", NULL);
}
END_TEST

START_TEST(the_compactors_mode_wins_over_cometbfts_compact)
{
    accepts("[storage]\ncompact = false\n");
    ck_assert_str_eq(config.compactor.mode, "off");
    accepts("[storage]\ncompact = true\n");
    ck_assert_str_eq(config.compactor.mode, "async");
    accepts("[storage]\ncompact = false\n[storage.compaction]\nmode = \"sync\"\n");
    ck_assert_str_eq(config.compactor.mode, "sync");
    accepts("[storage.compaction]\nmode = \"off\"\n[storage]\ncompact = true\n");
    ck_assert_str_eq(config.compactor.mode, "off");
}
END_TEST

START_TEST(keys_of_the_compactor_are_checked)
{
    refuses("[storage.compaction]\nmode = \"always\"\n", "async sync off", NULL);
    refuses("[storage.compaction]\nqueue_size = 0\n", "in 1 to 1000000", NULL);
    refuses("[storage.compaction]\nqueue_size = 1000001\n", "in 1 to 1000000", NULL);
    refuses("[storage.compaction]\ninterval = \"-1h\"\n", "or longer", NULL);
    refuses("[storage.compaction]\nmin_dead_ratio = 1.01\n", "in 0 to 1", NULL);
    refuses("[storage.compaction]\nmin_dead_ratio = -0.1\n", "in 0 to 1", NULL);
    refuses("[storage.compaction]\nmin_dead_ratio = nan\n", "in 0 to 1", NULL);
    refuses("[storage.compaction]\nmin_dead_ratio = \"0.3\"\n", "in 0 to 1", NULL);
    refuses("[storage.compaction]\nmin_size = 10\n", "size string", NULL);
    refuses("[storage.compaction]\nmin_size = \"10 apples\"\n", "is not a size", NULL);
    refuses("[storage.compaction]\nfallback = \"\"\n", "never bounded full", NULL);
    refuses("[storage.compaction]\nrole = \"validator full\"\n", "validator full archive", NULL);
    refuses("[storage.compaction]\npause = \"20\"\n", "storage.compaction.pause", "duration", NULL);
    refuses("[storage.compaction]\nfallback_budget = \"-1ms\"\n", "or longer", NULL);
    static const char *const ratios[] = {"max_free_ratio", "max_tombstone_ratio"};
    for (size_t i = 0; i < 2; i++) {
        char text[96];
        snprintf(text, sizeof text, "[storage.compaction]\n%s = 1.5\n", ratios[i]);
        refuses(text, ratios[i], "in 0 to 1", NULL);
        snprintf(text, sizeof text, "[storage.compaction]\n%s = -0.5\n", ratios[i]);
        refuses(text, ratios[i], "in 0 to 1", NULL);
    }
    refuses("[storage.compaction]\npoll_interval = \"99ms\"\n", "line 2",
            "poll_interval must be \"100ms\" to \"24h\"", NULL);
    refuses("[storage.compaction]\npoll_interval = \"24h1ns\"\n", "\"100ms\" to \"24h\"", NULL);
    accepts("[storage.compaction]\npoll_interval = \"100ms\"\n");
    accepts("[storage.compaction]\npoll_interval = \"24h\"\n");
    refuses("[storage.compaction]\nmin_work = -1\n", "min_work must be 0 or more", NULL);
    accepts("[storage.compaction]\nmin_work = 0\n");
    refuses("[storage.compaction]\nfalback = \"full\"\n",
            "did you mean storage.compaction.fallback?", NULL);
    refuses("[storage.compaction]\nmin_dead_ration = 0.3\n",
            "did you mean storage.compaction.min_dead_ratio?", NULL);
}
END_TEST

START_TEST(syntax_errors_carry_their_line)
{
    refuses("[storage]\ncompact = tru\n", "line 2", "not valid TOML", "boolean", NULL);
    refuses("a = 1\nb = 2\na = 3\n", "line 3", "already exists", NULL);
    refuses("[storage]\ncompact = true\ncompact = true\n", "line 3", "already exists", NULL);
    refuses("[storage]\n[p2p]\n[storage]\n", "line 3", "already exists", NULL);
    refuses("[storage\n", "line 1", "not valid TOML", NULL);
    refuses("a\n", "line 1", "not valid TOML", NULL);
    refuses("= 1\n", "line 1", "not valid TOML", NULL);
    refuses("a = 1 b = 2\n", "line 1", "not valid TOML", NULL);
    refuses("a = \"x\nb = 1\n", "line 1", "a string is not closed", NULL);
    refuses("\na = '''x\nb = 1\n", "line 2", "a string is not closed", NULL);
    refuses("a = [1,\n2\n", "not valid TOML", NULL);
    refuses("\xff\xfe = 1\n", "line 1", "not UTF-8", NULL);
}
END_TEST

START_TEST(nothing_is_written_when_refused)
{
    memset(&config, 0x5a, sizeof config);
    cmt_config before = config;
    ck_assert_int_eq(parse("db_dir = \"other\"\n[storage]\nx = 1\n"), CMT_INVALID);
    ck_assert_mem_eq(&config, &before, sizeof config);
}
END_TEST

START_TEST(errors_may_go_unheard)
{
    const char *text = "[storage]\nx = 1\n";
    ck_assert_int_eq(
        cmt_config_parse("c", (cmt_slice){(const uint8_t *)text, strlen(text)}, &config, NULL),
        CMT_INVALID);
}
END_TEST

/* ---- files --------------------------------------------------------------------------------- */

START_TEST(an_absent_file_is_not_found_without_a_message)
{
    error = (cmt_error)CMT_ERROR_INIT;
    ck_assert_int_eq(cmt_config_load("/nonexistent/config.toml", &config, &error), CMT_NOT_FOUND);
    ck_assert_str_eq(error.message, "");
}
END_TEST

START_TEST(only_a_regular_file_is_read_but_a_link_to_one_is_fine)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    snprintf(dir, sizeof dir, "%s/cmt_config_XXXXXX", tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char fifo[300], file[300], link[300];
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    snprintf(file, sizeof file, "%s/file", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    fputs("[storage.pruning]\nkeep_blocks = 21\n", f);
    fclose(f);
    ck_assert_int_eq(symlink("file", link), 0);

    ck_assert_int_eq(cmt_config_load(dir, &config, &error), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "not a regular file"));
    ck_assert_int_eq(cmt_config_load(fifo, &config, &error), CMT_INVALID);
    ck_assert_int_eq(cmt_config_load(link, &config, &error), CMT_OK);
    ck_assert_int_eq(config.keep_blocks, 21);
    ck_assert_int_eq(truncate(file, (off_t)CMT_CONFIG_BYTES_MAX + 1), 0);
    ck_assert_int_eq(cmt_config_load(file, &config, &error), CMT_INVALID);
    unlink(link);
    unlink(file);
    unlink(fifo);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* ---- durations and sizes ------------------------------------------------------------------- */

START_TEST(durations_are_those_of_go)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"10s", 10 * SECOND},
        {"1h30m", 5400 * SECOND},
        {"250ms", SECOND / 4},
        {"1.5h", 5400 * SECOND},
        {".5s", SECOND / 2},
        {"5.s", 5 * SECOND},
        {"-1m", -60 * SECOND},
        {"+1m", 60 * SECOND},
        {"1us", 1000},
        {"1\xc2\xb5s", 1000},
        {"1\xce\xbcs", 1000},
        {"3ns", 3},
        {"1h1m1s1ms1us1ns", 3661 * SECOND + 1001001},
        {"1s1s", 2 * SECOND},
        {"9223372036854775807ns", INT64_MAX},
        {"-9223372036854775808ns", INT64_MIN},
        {"0.100000000000000000000h", 360 * SECOND},
        {"0.3333333333333333333h", INT64_C(1200000000000)},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = -1;
        ck_assert_msg(cmt_config_parse_duration(good[i].text, &ns, &error) == CMT_OK, "%s",
                      good[i].text);
        ck_assert_msg(ns == good[i].ns, "%s: %" PRId64, good[i].text, ns);
    }
    static const char *const bad[] = {"",
                                      "3",
                                      "-",
                                      "s",
                                      ".",
                                      "-.",
                                      ".s",
                                      "+.s",
                                      "1d",
                                      "1 s",
                                      " 1s",
                                      "1s ",
                                      "1S",
                                      "1h-1m",
                                      "1.",
                                      "1.5",
                                      "1..5s",
                                      "--1s",
                                      "9223372036854775808ns",
                                      "-9223372036854775809ns",
                                      "99999999999999999999s",
                                      "3000000h"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns = 77;
        ck_assert_msg(cmt_config_parse_duration(bad[i], &ns, &error) == CMT_INVALID, "\"%s\"",
                      bad[i]);
        ck_assert_int_eq(ns, 77);
    }
}
END_TEST

START_TEST(sizes_know_decimal_and_binary_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"1B", 1},
        {"10MB", 10000000},
        {"10M", 10000000},
        {"200 G", UINT64_C(200000000000)},
        {"3k", 3000},
        {"3K", 3000},
        {"2T", UINT64_C(2000000000000)},
        {"2kB", 2000},
        {"2KB", 2000},
        {"1KiB", 1024},
        {"4 GiB", UINT64_C(4) << 30},
        {"1.5MiB", 1572864},
        {"1TB", UINT64_C(1000000000000)},
        {"2TiB", UINT64_C(2) << 40},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t bytes = 1;
        ck_assert_msg(cmt_config_parse_bytes(good[i].text, &bytes, &error) == CMT_OK, "%s",
                      good[i].text);
        ck_assert_msg(bytes == good[i].bytes, "%s: %" PRIu64, good[i].text, bytes);
    }
    static const char *const bad[] = {"",           "MB", "-1MB",  "1mb",   "1  MB",
                                      "1MB ",       "x",  "1 MBs", "1,5MB", "18446744073709551616",
                                      "17000000TiB"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 77;
        ck_assert_msg(cmt_config_parse_bytes(bad[i], &bytes, &error) == CMT_INVALID, "\"%s\"",
                      bad[i]);
        ck_assert_uint_eq(bytes, 77);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("reads");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, defaults_are_those_of_cometbft);
    tcase_add_test(tc, an_empty_file_is_the_defaults);
    tcase_add_test(tc, reads_the_file_of_a_037_node);
    tcase_add_test(tc, reads_the_file_of_a_038_node);
    tcase_add_test(tc, reads_the_file_of_a_10_node);
    tcase_add_test(tc, reads_every_key);
    tcase_add_test(tc, compaction_interval_may_be_quoted);
    tcase_add_test(tc, tables_may_be_inline_or_dotted);
    tcase_add_test(tc, case_of_keys_does_not_matter_as_in_cometbft);
    tcase_add_test(tc, accepts_byte_order_mark_and_crlf);
    tcase_add_test(tc, keys_elsewhere_are_ignored);
    tcase_add_test(tc, any_backend_name_is_accepted_here);
    tcase_add_test(tc, a_quoted_key_means_the_same_as_a_bare_one);
    tcase_add_test(tc, wrong_types_are_refused_with_their_line);
    tcase_add_test(tc, values_out_of_range_are_refused);
    tcase_add_test(tc, companion_heights_count_only_when_enabled);
    tcase_add_test(tc, unknown_keys_get_the_nearest_known_one);
    tcase_add_test(tc, a_known_key_in_the_wrong_table_is_led_home);
    tcase_add_test(tc, strange_keys_are_shown_without_control_characters);
    tcase_add_test(tc, keys_of_the_compactor_have_defaults);
    tcase_add_test(tc, reads_every_key_of_the_compactor);
    tcase_add_test(tc, backups_may_be_kept_for_days);
    tcase_add_test(tc, the_compactors_mode_wins_over_cometbfts_compact);
    tcase_add_test(tc, keys_of_the_compactor_are_checked);
    tcase_add_test(tc, syntax_errors_carry_their_line);
    tcase_add_test(tc, nothing_is_written_when_refused);
    tcase_add_test(tc, errors_may_go_unheard);
    tcase_add_test(tc, an_absent_file_is_not_found_without_a_message);
    tcase_add_test(tc, only_a_regular_file_is_read_but_a_link_to_one_is_fine);
    tcase_add_test(tc, durations_are_those_of_go);
    tcase_add_test(tc, sizes_know_decimal_and_binary_units);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
