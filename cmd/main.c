/* SPDX-License-Identifier: Apache-2.0
 *
 * cmtstore: prune, compact and inspect the databases of a CometBFT node.
 */
#include "commands.h"
#include "exit_codes.h"
#include "report.h"
#include "signals.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef CMTSTORE_VERSION
#define CMTSTORE_VERSION "unknown"
#endif

/* A database file must never get the number of a stream that was closed at the start: reports would
 * go into it.  Writing to what is put there fails, as it does on a closed stream. */
static void fill_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            _exit(CMD_EXIT_FAILED);
}

/* A pinned view holds every table open, and a large database has many. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Blocks come and go by the thousand: memory given back to the system each time would be asked for, page
 * by page, right after. */
static void keep_freed_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 2 << 20);
}

/* An engine may end its process: then it shall be a worker's.  With RocksDB and pebble that an engine is needed may
 * show only while planning, which takes locks; a fork comes before. */
static bool needs_worker(const cmd_context *context)
{
    const cmd_options *options = context->options;
    bool rocksdb = context->target->engine == CMT_ENGINE_ROCKSDB;
    bool pebble = context->target->engine == CMT_ENGINE_PEBBLEDB;
    bool makes_rocksdb = options->db_backend != NULL &&
                         cmt_engine_from_name(options->db_backend) == CMT_ENGINE_ROCKSDB;
    if (options->command == CMD_REPLAY || options->command == CMD_GEN)
        return rocksdb || makes_rocksdb;
    if (options->command == CMD_ROLLBACK)
        return rocksdb;
    return !options->dry_run && (options->method == CMT_METHOD_ENGINE ||
                                 (options->method == CMT_METHOD_AUTO && (rocksdb || pebble)));
}

/* In a process of its own if an engine could end it. */
static cmt_status run_guarded(const cmd_context *context,
                              cmt_status (*function)(const cmd_context *, cmt_error *),
                              const char *directory, cmt_error *err)
{
    return needs_worker(context) ? cmd_worker_run(context, function, directory, err)
                                 : function(context, err);
}

static cmt_status run_command(const cmd_context *context, cmt_error *err)
{
    const char *directory = context->target->data_dir;
    switch (context->options->command) {
    case CMD_INFO:
        return cmd_run_info(context, err);
    case CMD_PLAN:
        return cmd_run_plan(context, err);
    case CMD_PRUNE:
    case CMD_COMPACT:
    case CMD_PRUNE_AND_COMPACT:
        return run_guarded(context, cmd_run_prune, directory, err);
    case CMD_DUMP:
        return cmd_run_dump(context, err);
    case CMD_ROLLBACK:
        return run_guarded(context, cmd_run_rollback, directory, err);
    case CMD_REPLAY:
        return run_guarded(context, cmd_run_replay, context->options->to, err);
    case CMD_PIN:
        return cmd_run_pin(context, err);
    case CMD_GEN:
        return run_guarded(context, cmd_run_gen, context->options->home, err);
    case CMD_NONE:
        break;
    }
    return cmt_error_set(err, CMT_INVALID, "no command; see cmtstore --help");
}

static cmt_status run(const cmd_options *options, cmt_error *err)
{
    if (options->ask == CMD_ASK_HELP) {
        cmd_options_help(options->command);
        return cmd_report_flush(err);
    }
    if (options->ask == CMD_ASK_VERSION) {
        puts("cmtstore " CMTSTORE_VERSION);
        return cmd_report_flush(err);
    }
    cmd_target *target = malloc(sizeof *target);
    if (target == NULL)
        return cmt_error_set(err, CMT_NO_MEMORY, "no memory");
    cmd_console console;
    cmd_console_init(&console, options);
    *target = (cmd_target){.engine = CMT_ENGINE_NONE};
    /* What gen works on it has to make first. */
    cmt_status status =
        options->command != CMD_GEN ? cmd_target_resolve(options, target, err) : CMT_OK;
    if (status == CMT_OK)
        status = run_command(&(cmd_context){options, target, &console}, err);
    cmd_console_clear(&console);
    free(target);
    return status;
}

/* Who stops between two batches or blocks says where; then something was changed. */
static bool says_how_far(const cmt_error *err)
{
    return strncmp(err->message, "stopped w", 9) == 0 ||
           strncmp(err->message, "stopped behind", 14) == 0;
}

int main(int argc, char **argv)
{
    cmt_error err = CMT_ERROR_INIT;
    cmd_options options;
    fill_standard_streams();
    cmd_signals_install();
    allow_many_files();
    keep_freed_memory();
    cmt_status status = cmd_options_parse(argc, argv, &options, &err);
    if (status == CMT_OK)
        status = run(&options, &err);
    if (status == CMT_CANCELLED && cmd_signals_stop_requested() && !says_how_far(&err))
        cmt_error_set(&err, status, "interrupted; nothing was changed");
    return status == CMT_OK ? CMD_EXIT_DONE : cmd_fail(status, &err);
}
