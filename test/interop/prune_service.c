/* SPDX-License-Identifier: Apache-2.0
 *
 * The prune service through a script, with the library alone, as ./go-1.0/prune_service.go has CometBFT do it.
 *
 *   prune_service DATA_DIR companion|alone STEP...
 */
#include "cmtstore/pruner_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cmt_error err;

static void check(cmt_status status, const char *what)
{
    if (status == CMT_OK)
        return;
    fprintf(stderr, "prune_service: %s: %s: %s\n", what, cmt_status_text(status), err.message);
    exit(1);
}

static void on_blocks(void *context, int64_t from, int64_t to)
{
    (void)context;
    printf("blocks %" PRId64 "-%" PRId64 "\n", from, to);
}

static void on_results(void *context, int64_t from, int64_t to)
{
    (void)context;
    printf("results %" PRId64 "-%" PRId64 "\n", from, to);
}

static cmt_db *open_db(const char *data_dir, const char *name)
{
    const cmt_db_open_options options = {.engine = CMT_ENGINE_GOLEVELDB};
    char path[4096];
    cmt_db *db;
    snprintf(path, sizeof path, "%s/%s.db", data_dir, name);
    check(cmt_db_open(path, &options, &db, &err), path);
    return db;
}

static void ask(cmt_prune_service *service, const char *step)
{
    static const char *const owners[] = {"app", "companion", "results"};
    const char *colon = strchr(step, ':');
    for (size_t i = 0; i < sizeof owners / sizeof owners[0] && colon != NULL; i++) {
        if (strlen(owners[i]) != (size_t)(colon - step) ||
            strncmp(step, owners[i], strlen(owners[i])) != 0)
            continue;
        cmt_status status = cmt_prune_service_set_retain_height(service, (cmt_retain_owner)i,
                                                                strtoll(colon + 1, NULL, 10), &err);
        if (status == CMT_OK)
            puts("accepted");
        else
            printf("refused: %s\n", err.message);
        return;
    }
    fprintf(stderr, "prune_service: no step %s\n", step);
    exit(2);
}

int main(int argc, char **argv)
{
    static const cmt_prune_observer observer = {NULL, NULL, on_blocks, on_results};
    if (argc < 3)
        return 2;
    cmt_db *block_db = open_db(argv[1], "blockstore");
    cmt_db *state_db = open_db(argv[1], "state");
    const cmt_block_store_options of_blocks = {.write_version = true};
    const cmt_state_store_options of_states = {.release = CMT_RELEASE_1_0, .write_version = true};
    cmt_prune_service_options options = {
        .data_dir = argv[1],
        .data_companion = strcmp(argv[2], "companion") == 0,
        .keep_residue = true,
        .observer = &observer,
    };
    cmt_prune_service *service = NULL;
    check(cmt_block_store_open_for_writing(block_db, &of_blocks, &options.blocks, &err), "blocks");
    check(cmt_state_store_open_for_writing(state_db, &of_states, &options.states, &err), "states");
    check(cmt_prune_service_new(&options, &service, &err), "service");
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "restart") == 0) {
            check(cmt_prune_service_free(&service), "free");
            check(cmt_prune_service_new(&options, &service, &err), "service");
        } else if (strcmp(argv[i], "round") == 0) {
            check(cmt_prune_service_round(service, &err), "round");
            printf("base %" PRId64 "\n", cmt_block_store_base(options.blocks));
        } else {
            ask(service, argv[i]);
        }
    }
    check(cmt_prune_service_free(&service), "free");
    cmt_block_store_close(options.blocks);
    cmt_state_store_close(options.states);
    cmt_db_close(block_db);
    cmt_db_close(state_db);
    return 0;
}
