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

/* An engine may end its process: then it shall be a worker's. */
static bool needs_worker(const cmd_context *context)
{
    const cmd_options *options = context->options;
    return !options->dry_run &&
           (options->method == CMT_METHOD_ENGINE ||
            (options->method == CMT_METHOD_AUTO && context->target->engine == CMT_ENGINE_ROCKSDB));
}

static cmt_status run_command(const cmd_context *context, cmt_error *err)
{
    switch (context->options->command) {
    case CMD_INFO:
        return cmd_run_info(context, err);
    case CMD_PLAN:
        return cmd_run_plan(context, err);
    case CMD_PRUNE:
    case CMD_COMPACT:
    case CMD_PRUNE_AND_COMPACT:
        return needs_worker(context)
                   ? cmd_worker_run(context, cmd_run_prune, context->target->data_dir, err)
                   : cmd_run_prune(context, err);
    case CMD_DUMP:
        return cmd_run_dump(context, err);
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
    cmt_status status = cmd_target_resolve(options, target, err);
    if (status == CMT_OK)
        status = run_command(&(cmd_context){options, target, &console}, err);
    cmd_console_clear(&console);
    free(target);
    return status;
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
    /* Unless something was: the engine's method stops between two batches, and says how far it came. */
    if (status == CMT_CANCELLED && cmd_signals_stop_requested() &&
        strncmp(err.message, "stopped w", 9) != 0)
        cmt_error_set(&err, status, "interrupted; nothing was changed");
    return status == CMT_OK ? CMD_EXIT_DONE : cmd_fail(status, &err);
}
