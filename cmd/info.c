/* SPDX-License-Identifier: Apache-2.0
 *
 * info: heights, chain, engine, sizes, leftovers.
 */
#include "commands.h"
#include "facts.h"
#include "json.h"
#include "report.h"
#include "snapshot.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct gathering {
    const cmd_context *context;
    cmd_facts *facts;
} gathering;

static cmt_status attempt(void *context, cmt_error *err)
{
    const gathering *g = context;
    return cmd_facts_gather(g->context->target, &g->context->console->logger, g->facts, err);
}

static const char *layout_name(const cmd_facts *facts)
{
    return facts->layout == CMT_KEY_LAYOUT_V2 ? "v2" : "v1";
}

static uint64_t count_tables(const cmd_database_facts *database)
{
    uint64_t count = 0;
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        count += database->tables.tables[level];
    return count;
}

static int64_t count_leftovers(const cmd_facts *facts)
{
    int64_t count = 0;
    for (size_t i = 0; i < CMD_FAMILIES; i++)
        if (facts->families[i].leftovers != CMD_NOT_COUNTED)
            count += facts->families[i].leftovers;
    return count;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *tables_json(const cmd_database_facts *database)
{
    json_t *levels = cmd_json_array();
    for (size_t level = 0; level < CMT_DB_LEVELS; level++)
        cmd_json_append(levels, json_integer((json_int_t)database->tables.tables[level]));
    return levels;
}

static void put_files(json_t *object, const cmd_facts *facts, const cmd_database_facts *database)
{
    cmd_json_put_count(object, "bytes", database->bytes);
    if (!facts->readable)
        return;
    cmd_json_put_count(object, "journal_bytes", database->tables.log_bytes);
    cmd_json_put(object, "tables_per_level", tables_json(database));
    cmd_json_put(object, "needs_heal", json_boolean(database->needs_heal));
}

static json_t *blockstore_json(const cmd_facts *facts)
{
    json_t *object = cmd_json_object();
    cmd_json_put(object, "base", facts->readable ? json_integer(facts->base) : NULL);
    cmd_json_put(object, "height", facts->readable ? json_integer(facts->height) : NULL);
    put_files(object, facts, &facts->blockstore_db);
    return object;
}

static json_t *state_json(const cmd_facts *facts)
{
    const cmt_state *state = &facts->state;
    bool has = facts->has_state;
    const cmd_hash_text app_hash = cmd_hash_hex(&state->app_hash);
    cmd_words time = cmd_human_time(state->last_block_time.seconds);
    json_t *object = cmd_json_object();
    cmd_json_put(object, "last_block_height", has ? json_integer(state->last_block_height) : NULL);
    cmd_json_put(object, "initial_height", has ? json_integer(state->initial_height) : NULL);
    cmd_json_put_text(object, "app_hash", has ? app_hash.text : NULL);
    cmd_json_put_text(object, "last_block_time", has ? time.text : NULL);
    put_files(object, facts, &facts->state_db);
    return object;
}

static json_t *families_json(const cmd_facts *facts)
{
    if (!facts->readable)
        return NULL;
    json_t *array = cmd_json_array();
    for (size_t i = 0; i < CMD_FAMILIES; i++) {
        const cmd_family *family = &facts->families[i];
        json_t *object = cmd_json_object();
        cmd_json_put_text(object, "database", family->database);
        cmd_json_put_text(object, "family", family->name);
        cmd_json_put_count(object, "bytes", family->bytes);
        bool counted = facts->has_leftovers && family->leftovers != CMD_NOT_COUNTED;
        cmd_json_put(object, "leftover_heights", counted ? json_integer(family->leftovers) : NULL);
        cmd_json_append(array, object);
    }
    return array;
}

static json_t *retain_heights_json(const cmd_facts *facts)
{
    if (!facts->has_retain_heights)
        return NULL;
    json_t *object = cmd_json_object();
    cmd_json_put_int(object, "application", facts->retain_heights.application);
    cmd_json_put_int(object, "companion", facts->retain_heights.companion);
    cmd_json_put_int(object, "results", facts->retain_heights.results);
    return object;
}

/* What an engine that this version does not read keeps to itself is null. */
static json_t *info_json(const cmd_target *target, const cmd_facts *facts)
{
    bool read = facts->readable;
    bool searched = facts->has_leftovers;
    json_t *object = cmd_json_object();
    cmd_json_put_text(object, "home", target->home[0] != '\0' ? target->home : NULL);
    cmd_json_put_text(object, "data_dir", target->data_dir);
    cmd_json_put_text(object, "engine", cmt_engine_name(target->engine));
    cmd_json_put_text(object, "key_layout", read ? layout_name(facts) : NULL);
    cmd_json_put_text(object, "chain_id", facts->has_state ? facts->state.chain_id : NULL);
    cmd_json_put(object, "blockstore", blockstore_json(facts));
    cmd_json_put(object, "state", state_json(facts));
    cmd_json_put(object, "evidence_retain_height",
                 searched ? json_integer(facts->evidence_height) : NULL);
    cmd_json_put(object, "retain_heights", retain_heights_json(facts));
    cmd_json_put(object, "unfinished_prune", searched ? json_boolean(facts->unfinished) : NULL);
    cmd_json_put(object, "families", families_json(facts));
    cmd_json_put(object, "trash_bytes", read ? json_integer((json_int_t)facts->trash_bytes) : NULL);
    return object;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_heights(const cmd_facts *facts)
{
    if (facts->height == 0)
        puts("blocks        none");
    else
        printf("blocks        %" PRId64 " to %" PRId64 ", %s\n", facts->base, facts->height,
               cmd_human_count(facts->height - facts->base + 1, "block", "blocks").text);
    if (!facts->has_state) {
        puts("state         none");
        return;
    }
    const cmd_hash_text app_hash = cmd_hash_hex(&facts->state.app_hash);
    printf("state         height %" PRId64 " of %s, initial height %" PRId64 "\n",
           facts->state.last_block_height,
           cmd_human_time(facts->state.last_block_time.seconds).text, facts->state.initial_height);
    printf("app hash      %s\n", app_hash.text[0] != '\0' ? app_hash.text : "none");
}

static void print_retain_heights(const cmd_facts *facts)
{
    const cmt_retain_heights *heights = &facts->retain_heights;
    if (facts->has_leftovers)
        printf("evidence      kept from height %" PRId64 "\n", facts->evidence_height);
    if (heights->application > 0)
        printf("application   retains from height %" PRId64 "\n", heights->application);
    if (heights->companion > 0)
        printf("companion     retains from height %" PRId64 "\n", heights->companion);
    if (heights->results > 0)
        printf("companion     retains results from height %" PRId64 "\n", heights->results);
}

static void print_database(const char *name, const cmd_facts *facts,
                           const cmd_database_facts *database)
{
    printf("%-14s%10s", name, cmd_human_bytes(database->bytes).text);
    if (facts->readable)
        printf("   %s", cmd_human_count((int64_t)count_tables(database), "table", "tables").text);
    if (database->tables.log_bytes > 0)
        printf(", %s in the write-ahead log", cmd_human_bytes(database->tables.log_bytes).text);
    putchar('\n');
}

static void print_families(const cmd_facts *facts)
{
    bool leftovers = count_leftovers(facts) > 0;
    printf("\n%-21s%-22s%12s%s\n", "keys", "", "size",
           leftovers ? "   heights left below base" : "");
    for (size_t i = 0; i < CMD_FAMILIES; i++) {
        const cmd_family *family = &facts->families[i];
        if (family->bytes == 0 && family->leftovers <= 0)
            continue;
        printf("%-21s%-22s%12s", family->name, family->meaning,
               cmd_human_bytes(family->bytes).text);
        if (family->leftovers > 0)
            printf("%26" PRId64, family->leftovers);
        putchar('\n');
    }
}

static void print_remarks(const cmd_facts *facts)
{
    if (count_leftovers(facts) > 0)
        printf("\nEarlier prunes left keys below base%s; prune removes them.\n",
               facts->leftovers_complete ? "" : " (more than were counted)");
    if (facts->unfinished)
        puts("\nAn interrupted prune waits to be finished; prune does it.");
    if (facts->blockstore_db.needs_heal || facts->state_db.needs_heal)
        puts("\nA process that wrote through LevelDB has it open, or ended and left it open: run "
             "prune or compact "
             "before a node\nstarts, which could otherwise skip what stands in the write-ahead log "
             "alone.");
    if (facts->trash_bytes > 0)
        printf("\n%s of trash of an earlier run; the next prune or compact empties it.\n",
               cmd_human_bytes(facts->trash_bytes).text);
}

static void print_info(const cmd_target *target, const cmd_facts *facts)
{
    if (target->home[0] != '\0')
        printf("home          %s\n", target->home);
    printf("data          %s\n", target->data_dir);
    printf("engine        %s\n", cmt_engine_name(target->engine));
    if (facts->readable) {
        printf("key layout    %s\n", layout_name(facts));
        if (facts->has_state)
            printf("chain id      %s\n", facts->state.chain_id);
        print_heights(facts);
        print_retain_heights(facts);
    }
    putchar('\n');
    print_database("blockstore.db", facts, &facts->blockstore_db);
    print_database("state.db", facts, &facts->state_db);
    if (!facts->readable)
        return;
    print_families(facts);
    print_remarks(facts);
}

cmt_status cmd_run_info(const cmd_context *context, cmt_error *err)
{
    cmd_facts facts;
    gathering g = {context, &facts};
    CMT_TRY(cmd_snapshot_retry(attempt, &g, err));
    cmd_make_printable(facts.state.chain_id);
    if (context->options->json)
        return cmd_report_json(info_json(context->target, &facts), err);
    print_info(context->target, &facts);
    return cmd_report_flush(err);
}
