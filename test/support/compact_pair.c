/* SPDX-License-Identifier: Apache-2.0
 *
 * A flight over two fake databases.
 */
#include "compact_pair.h"

#include <check.h>

#include <stdio.h>
#include <string.h>

fake_db pair_blocks;
fake_db pair_states;
_Atomic int64_t pair_now_ns;
cmt_compact_flight *pair_flight;
cmt_error pair_err;
char pair_log[2048];

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(void *context, cmt_log_level level, const char *message)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    (void)context;
    if (strncmp(message, "compacted a database", 20) == 0)
        return;
    pthread_mutex_lock(&log_lock);
    const size_t size = strlen(pair_log);
    snprintf(pair_log + size, sizeof pair_log - size, "%s %s\n", names[level], message);
    pthread_mutex_unlock(&log_lock);
}

const cmt_logger pair_logger = {keep_line, NULL};

static int64_t fake_clock(void *context)
{
    (void)context;
    return pair_now_ns;
}

void pair_setup(void)
{
    fake_init(&pair_blocks);
    fake_init(&pair_states);
    pair_now_ns = SECOND;
    pair_log[0] = '\0';
    pair_err = (cmt_error)CMT_ERROR_INIT;
    const cmt_compactor_target target = {.blockstore = &pair_blocks.base,
                                         .state = &pair_states.base};
    const cmt_compact_flight_options options = {
        .logger = &pair_logger, .clock_ns = fake_clock, .wall_ns = fake_clock};
    ck_assert_int_eq(cmt_compact_flight_new(&target, &options, &pair_flight, &pair_err), CMT_OK);
}

void pair_teardown(void)
{
    ck_assert_msg(pair_flight == NULL || !cmt_compact_flight_is_taken(pair_flight),
                  "the flag was not given back");
    cmt_compact_flight_free(pair_flight);
    fake_destroy(&pair_blocks);
    fake_destroy(&pair_states);
}

void pair_takes(int64_t ns_per_place)
{
    fake_db *const dbs[] = {&pair_blocks, &pair_states};
    for (size_t i = 0; i < 2; i++) {
        dbs[i]->clock_ns = &pair_now_ns;
        dbs[i]->ns_per_place = ns_per_place;
    }
}

void pair_ask(pair_asked *a, unsigned blocks_lo, unsigned blocks_hi, unsigned states_lo,
              unsigned states_hi)
{
    memset(a, 0, sizeof *a);
    if (blocks_hi > 0)
        ck_assert_int_eq(
            cmt_range_list_add(&a->blockstore, fake_key(blocks_lo), fake_key(blocks_hi)), CMT_OK);
    if (states_hi > 0)
        ck_assert_int_eq(cmt_range_list_add(&a->state, fake_key(states_lo), fake_key(states_hi)),
                         CMT_OK);
    a->request = (cmt_compaction_request){
        .label = CMT_COMPACT_LABEL_PRUNE,
        .blockstore = &a->blockstore,
        .state = &a->state,
        .deleted_keys = 7,
        .heights = 3,
    };
}

void pair_release(pair_asked *a)
{
    cmt_range_list_free(&a->blockstore);
    cmt_range_list_free(&a->state);
}

cmt_status pair_compact(unsigned blocks_lo, unsigned blocks_hi, unsigned states_lo,
                        unsigned states_hi, const cmt_compact_options *options,
                        cmt_compact_report *report)
{
    pair_asked a;
    pair_ask(&a, blocks_lo, blocks_hi, states_lo, states_hi);
    cmt_status st = cmt_compact_now(pair_flight, &a.request, options, report, &pair_err);
    pair_release(&a);
    return st;
}

cmt_status pair_compact_rest(const cmt_compact_options *options, cmt_compact_report *report)
{
    return cmt_compact_now(pair_flight, NULL, options, report, &pair_err);
}

void pair_expect_remembered(unsigned lo, unsigned hi)
{
    cmt_range_list list = {NULL, 0, 0};
    ck_assert_int_eq(cmt_compact_flight_remembered(pair_flight, &list, NULL, &pair_err), CMT_OK);
    ck_assert_uint_eq(list.count, hi > 0);
    ck_assert_uint_eq(cmt_compact_flight_counts(pair_flight).remembered_blockstore, hi > 0);
    if (hi > 0) {
        ck_assert_uint_eq(fake_place(list.ranges[0].lo), lo);
        ck_assert_uint_eq(fake_place(list.ranges[0].hi), hi);
    }
    cmt_range_list_free(&list);
}

static void *call(void *argument)
{
    pair_caller *c = argument;
    c->status = cmt_compact_now(pair_flight, &c->asked.request, &c->options, &c->report, &c->err);
    return NULL;
}

void pair_start(pair_caller *c, unsigned lo, unsigned hi)
{
    pair_ask(&c->asked, lo, hi, 0, 0);
    ck_assert_int_eq(pthread_create(&c->thread, NULL, call, c), 0);
}

cmt_status pair_join(pair_caller *c)
{
    ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
    pair_release(&c->asked);
    return c->status;
}
