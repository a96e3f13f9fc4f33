/* SPDX-License-Identifier: Apache-2.0
 *
 * host/: what is made over stores in memory: a companion's first retain heights, and clocks that are the test's.
 */
#include "cmtstore/host.h"

#include "chain.h"
#include "growing_chain.h"
#include "must.h"
#include "suite.h"

#include <stdatomic.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define HEIGHT 50

static char *dir;
static growing_chain chain;
static cmt_host *host;
static cmt_config config;
static atomic_llong clock_now;
static atomic_llong wall_now;

static int64_t the_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_now);
}

static int64_t the_wall(void *context)
{
    (void)context;
    return atomic_load(&wall_now);
}

static void open_chain(cmt_release release, const char *text)
{
    error = (cmt_error)CMT_ERROR_INIT;
    dir = files_temp();
    chain = growing_open(GROWING_MEMORY, release);
    growing_to(&chain, HEIGHT);
    atomic_store(&clock_now, 1);
    atomic_store(&wall_now, 1000 * SECOND);
    MUST(cmt_config_parse("config.toml", (cmt_slice){(const uint8_t *)text, strlen(text)}, &config,
                          &error));
}

static void open_host(cmt_generation generation)
{
    const cmt_host_options options = {
        .config = &config,
        .stores = {chain.blocks, chain.block_db, chain.states, chain.state_db},
        .data_dir = dir,
        .initial_height = 1,
        .generation = generation,
        .flight = {.clock_ns = the_clock, .wall_ns = the_wall},
    };
    MUST(cmt_host_open(&options, &host, &error));
}

static void close_all(void)
{
    ck_assert_int_eq(cmt_host_close(&host), CMT_OK);
    growing_close(&chain);
    files_remove(dir);
}

static int64_t base(void)
{
    return cmt_block_store_base(chain.blocks);
}

#define COMPANION                                                                                  \
    "[storage.pruning.data_companion]\nenabled = true\ninitial_block_retain_height = 5\n"          \
    "initial_block_results_retain_height = 6\n"

START_TEST(a_companions_first_retain_heights_are_put_whoever_prunes)
{
    static const char *const texts[] = {"[storage.pruning]\nprune = \"inline\"\n" COMPANION,
                                        COMPANION};
    int64_t blocks;
    int64_t results;
    open_chain(CMT_RELEASE_1_0, texts[_i]);
    open_host(CMT_GENERATION_1);
    ck_assert_int_eq(cmt_host_service(host) == NULL, _i == 0);
    MUST(cmt_state_store_retain_height(chain.states, CMT_RETAIN_COMPANION, &blocks, &error));
    MUST(cmt_state_store_retain_height(chain.states, CMT_RETAIN_RESULTS, &results, &error));
    ck_assert_int_eq(blocks, 5);
    ck_assert_int_eq(results, 6);
    close_all();
}
END_TEST

START_TEST(without_a_companion_none_is_put)
{
    int64_t height;
    open_chain(CMT_RELEASE_1_0, "[storage.pruning]\nprune = \"inline\"\n");
    open_host(CMT_GENERATION_1);
    ck_assert_int_eq(
        cmt_state_store_retain_height(chain.states, CMT_RETAIN_COMPANION, &height, &error),
        CMT_NOT_FOUND);
    close_all();
}
END_TEST

static void wait_for_rounds(uint64_t rounds)
{
    const struct timespec moment = {0, 1000000};
    cmt_prune_service_stats stats = {.rounds = 0};
    for (int i = 0; i < 20000 && stats.rounds < rounds; i++) {
        nanosleep(&moment, NULL);
        cmt_prune_service_get_stats(cmt_host_service(host), &stats);
    }
    ck_assert_uint_eq(stats.rounds, rounds);
}

/* Rounds come by the one, pins expire by the other. */
START_TEST(the_service_has_the_flights_clocks)
{
    const cmt_pin pin = {.name = "backup", .height = 10, .expires = 2000};
    open_chain(CMT_RELEASE_0_38, "[storage.pruning]\nkeep_blocks = 20\ninterval = \"1h\"\n");
    MUST(cmt_pins_add(dir, &pin, 1000, &error));
    open_host(CMT_GENERATION_1);
    MUST(cmt_host_start(host, NULL, &error));
    wait_for_rounds(1);
    ck_assert_int_eq(base(), 10);
    atomic_store(&wall_now, 2000 * SECOND);
    atomic_store(&clock_now, 3601 * SECOND);
    cmt_prune_service_wake(cmt_host_service(host));
    wait_for_rounds(2);
    ck_assert_int_eq(base(), HEIGHT - 20 + 1);
    close_all();
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_loop_test(tc, a_companions_first_retain_heights_are_put_whoever_prunes, 0, 2);
    tcase_add_test(tc, without_a_companion_none_is_put);
    tcase_add_test(tc, the_service_has_the_flights_clocks);
}

int main(void)
{
    return run_suite("host_made", add_tests);
}
