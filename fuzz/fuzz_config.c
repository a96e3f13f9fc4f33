/* SPDX-License-Identifier: Apache-2.0
 *
 * config.toml: what is accepted is within the limits that the header states; what is not has a reason of one line.
 */
#include "fuzz.h"

#include "cmtstore/config.h"

#include <string.h>

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void check_compactor(const cmt_config_compactor *c)
{
    static const char *const modes[] = {"async", "sync", "off", NULL};
    static const char *const fallbacks[] = {"never", "bounded", "full", NULL};
    static const char *const roles[] = {"validator", "full", "archive", "replica", NULL};
    FUZZ_CHECK(is_one_of(c->mode, modes) && is_one_of(c->fallback, fallbacks));
    FUZZ_CHECK(is_one_of(c->role, roles));
    FUZZ_CHECK(c->queue_size >= 1 && c->interval_ns >= 0 && c->pause_ns >= 0);
    FUZZ_CHECK(c->fallback_budget_ns >= 0);
    FUZZ_CHECK(c->min_dead_ratio >= 0 && c->min_dead_ratio <= 1);
    FUZZ_CHECK(c->max_free_ratio >= 0 && c->max_free_ratio <= 1);
    FUZZ_CHECK(c->max_tombstone_ratio >= 0 && c->max_tombstone_ratio <= 1);
    FUZZ_CHECK(c->poll_interval_ns >= 100000000 && c->min_work >= 0 && c->backup_keep_ns >= 0);
}

static void check_accepted(const cmt_config *c)
{
    FUZZ_CHECK(memchr(c->db_backend, 0, sizeof c->db_backend) != NULL);
    FUZZ_CHECK(memchr(c->db_dir, 0, sizeof c->db_dir) != NULL);
    FUZZ_CHECK(memchr(c->key_layout, 0, sizeof c->key_layout) != NULL);
    FUZZ_CHECK(c->keep_blocks >= 0);
    check_compactor(&c->compactor);
}

static void check_duration(cmt_slice text)
{
    char line[256];
    int64_t ns;
    cmt_error err = CMT_ERROR_INIT;
    size_t size = text.size < sizeof line - 1 ? text.size : sizeof line - 1;
    if (size > 0)
        memcpy(line, text.data, size);
    line[size] = '\0';
    cmt_status st = cmt_config_parse_duration(line, &ns, &err);
    FUZZ_CHECK(st == CMT_OK || (st == CMT_INVALID && err.message[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice text = {data, size};
    cmt_config config;
    cmt_error err = CMT_ERROR_INIT;
    cmt_status st = cmt_config_parse("config.toml", text, &config, &err);
    if (st == CMT_OK)
        check_accepted(&config);
    else
        FUZZ_CHECK(st == CMT_INVALID && err.message[0] != '\0' &&
                   strchr(err.message, '\n') == NULL);
    check_duration(text);
    return 0;
}
