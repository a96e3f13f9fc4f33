/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that executes blocks and prunes ends at each numbered point in turn.  Opened again, the stores say what
 * they said before or after the step; the handshake mends what is between them; and some blocks later all pairs are
 * those of a run that was never interrupted.
 *
 * Each run is a process of its own: an engine's threads do not survive a fork.
 */
#include "cmtstore/replay.h"

#include "files.h"
#include "must.h"
#include "source_chain.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETAIN_BLOCKS 3
#define GOES_ON 2 /* so many blocks after the one that was interrupted */
#define HITS_MAX 256
#define ENDED 77 /* exit status at a point */

/* What a run tells the process that started it. */
typedef struct shared_log {
    size_t hits;
    cmt_fail_point points[HITS_MAX];
} shared_log;

static shared_log *shared;
static source_chain source;

/* ---- an application that remembers ------------------------------------------------------- */

/* Answers from the record; the height it has committed is in a file, as an application's own state is. */
typedef struct durable_app {
    cmt_recorded_app *app;
    cmt_application application;
    const char *file;
} durable_app;

static int64_t read_height(const char *file)
{
    int64_t height = 0;
    FILE *f = fopen(file, "r");
    if (f != NULL) {
        ck_assert_int_eq(fscanf(f, "%" SCNd64, &height), 1);
        fclose(f);
    }
    return height;
}

static cmt_status app_info(void *context, cmt_app_info *out, cmt_error *err)
{
    const cmt_application *r = cmt_recorded_app_application(((durable_app *)context)->app);
    return r->info(r->context, out, err);
}

static cmt_status app_init(void *context, const cmt_app_genesis *genesis,
                           cmt_app_genesis_answer *out, cmt_error *err)
{
    const cmt_application *r = cmt_recorded_app_application(((durable_app *)context)->app);
    return r->init_chain(r->context, genesis, out, err);
}

static cmt_status app_finalize(void *context, const cmt_app_block *block, cmt_results *out,
                               cmt_error *err)
{
    const cmt_application *r = cmt_recorded_app_application(((durable_app *)context)->app);
    return r->finalize_block(r->context, block, out, err);
}

static cmt_status app_commit(void *context, int64_t *retain_height, cmt_error *err)
{
    durable_app *a = context;
    const cmt_application *r = cmt_recorded_app_application(a->app);
    cmt_status st = r->commit(r->context, retain_height, err);
    FILE *f = fopen(a->file, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "%" PRId64, cmt_recorded_app_height(a->app));
    ck_assert_int_eq(fclose(f), 0);
    return st;
}

static void app_open(durable_app *a, const char *file)
{
    const cmt_recorded_app_options options = {
        .blocks = source.blocks,
        .states = source.states,
        .genesis = &source.genesis,
        .committed = read_height(file),
        .retain_blocks = RETAIN_BLOCKS,
    };
    *a = (durable_app){.file = file};
    MUST(cmt_recorded_app_new(&options, &a->app, &error));
    a->application = (cmt_application){
        .context = a,
        .info = app_info,
        .init_chain = app_init,
        .finalize_block = app_finalize,
        .commit = app_commit,
    };
}

/* ---- one run ----------------------------------------------------------------------------- */

typedef struct ending {
    size_t at; /* the hit to end at; SIZE_MAX: none */
} ending;

static void at_point(void *context, cmt_fail_point point, const char *text)
{
    const ending *e = context;
    ck_assert_str_eq(text, cmt_fail_point_text(point));
    ck_assert_uint_lt(shared->hits, HITS_MAX);
    shared->points[shared->hits] = point;
    if (shared->hits++ == e->at)
        _exit(ENDED);
}

static cmt_enqueue_result take(void *context, const cmt_compaction_request *request)
{
    (void)context;
    ck_assert_uint_gt(request->deleted_keys, 0);
    return CMT_ENQUEUED;
}

static void execute(made_chain *made, const cmt_application *application, ending *e, int64_t until)
{
    const cmt_compaction_sink sink = {take, NULL};
    const cmt_compact_handover handover = {.sink = &sink};
    const cmt_replay_options options = {
        .source_blocks = source.blocks,
        .source_states = source.states,
        .blocks = made->blocks,
        .states = made->states,
        .genesis = &source.genesis,
        .until = until,
        .handover = &handover,
        .application = application,
        .fail_point = at_point,
        .context = e,
    };
    MUST(cmt_replay_run(&options, NULL, &error));
}

/* Whatever the moment, no more than one step lies between the two stores. */
static void check_reopened(const made_chain *made)
{
    cmt_state state;
    int64_t store = cmt_block_store_height(made->blocks);
    cmt_status st = cmt_state_store_load(made->states, &state, &error);
    int64_t last = st == CMT_OK ? state.last_block_height : 0;
    ck_assert_msg(st == CMT_OK || st == CMT_NOT_FOUND, "%s", error.message);
    ck_assert_msg(store == last || store == last + 1, "store %" PRId64 ", state %" PRId64, store,
                  last);
    for (int64_t h = cmt_block_store_base(made->blocks); store > 0 && h <= store; h++) {
        cmt_buf bytes = CMT_BUF_INIT;
        MUST(cmt_block_store_load_block(made->blocks, h, &bytes, &error));
        cmt_buf_free(&bytes);
    }
}

/* In a process of its own: run to @p until or to the hit. */
static int run(const char *dir, size_t end_at, int64_t until, bool compare)
{
    memset(shared, 0, sizeof *shared);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        ending e = {end_at};
        durable_app app;
        char *file = files_path(dir, "application");
        made_chain made = made_open_in(dir, &source);
        check_reopened(&made);
        app_open(&app, file);
        execute(&made, &app.application, &e, until);
        cmt_recorded_app_free(app.app);
        if (compare) {
            made_chain goal = made_open(&source, false);
            char *other = files_path(dir, "goal");
            e = (ending){SIZE_MAX};
            app_open(&app, other);
            shared->hits = 0;
            execute(&goal, &app.application, &e, until);
            cmt_recorded_app_free(app.app);
            free(other);
            made_expect_same("blockstore", made.block_db, goal.block_db);
            made_expect_same("state", made.state_db, goal.state_db);
            made_close(&goal);
        }
        made_close(&made);
        free(file);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "a run ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void set_up(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    source = source_open("node-0.38.26", CMT_RELEASE_0_38);
}

static void tear_down(void)
{
    source_close(&source);
    munmap(shared, sizeof *shared);
}

/* ---- all points -------------------------------------------------------------------------- */

static void copy_home(const char *from, const char *to)
{
    static const char *const names[] = {"blockstore.db", "state.db"};
    files_copy(from, to); /* the application's height */
    for (size_t i = 0; i < 2; i++) {
        char *source_dir = files_path(from, names[i]);
        char *target = files_path(to, names[i]);
        if (access(source_dir, F_OK) == 0)
            files_copy(source_dir, target);
        free(target);
        free(source_dir);
    }
}

static void end_and_go_on(const char *before, int64_t block, size_t hit, const char *text)
{
    char *dir = files_temp();
    copy_home(before, dir);
    int ended = run(dir, hit, block, false);
    ck_assert_msg(ended == ENDED, "hit %zu (%s): status %d", hit, text, ended);
    int went_on = run(dir, SIZE_MAX, block + GOES_ON, true);
    ck_assert_msg(went_on == 0, "block %" PRId64 " ended at hit %zu (%s): status %d", block, hit,
                  text, went_on);
    files_remove(dir);
}

/* Ends at each point of one block. */
static void interrupt_block(int64_t block, bool *met)
{
    char *before = files_temp();
    char *dir = files_temp();
    if (block > 1)
        ck_assert_int_eq(run(before, SIZE_MAX, block - 1, false), 0);
    copy_home(before, dir);
    ck_assert_int_eq(run(dir, SIZE_MAX, block, false), 0);
    const shared_log all = *shared;
    ck_assert_uint_ge(all.hits, 8);
    for (size_t i = 0; i < all.hits; i++) {
        met[all.points[i]] = true;
        end_and_go_on(before, block, i, cmt_fail_point_text(all.points[i]));
    }
    files_remove(dir);
    files_remove(before);
}

START_TEST(every_point)
{
    bool met[CMT_FAIL_POINTS] = {false};
    bool full = getenv("CMT_TEST_FULL") != NULL;
    for (int64_t block = 1; block <= 8; block++)
        if (full || block == 1 || block == 6) /* the first, and one that prunes */
            interrupt_block(block, met);
    for (int point = 0; point < CMT_FAIL_POINTS; point++)
        ck_assert_msg(met[point], "never met: %s", cmt_fail_point_text((cmt_fail_point)point));
}
END_TEST

int main(void)
{
    /* What a killed process wrote is there whether or not it reached a disk. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    Suite *suite = suite_create("fail_points");
    TCase *tc = tcase_create("fail_points");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, every_point);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
