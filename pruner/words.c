/* SPDX-License-Identifier: Apache-2.0
 *
 * Words for who decided a retain height.
 */
#include "words.h"

#include <inttypes.h>
#include <stdio.h>

/* In the largest unit that it is a whole number of. */
static void print_duration(int64_t ns, char *out, size_t size)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"h", INT64_C(3600000000000)}, {"m", INT64_C(60000000000)},
                 {"s", INT64_C(1000000000)},    {"ms", INT64_C(1000000)},
                 {"us", INT64_C(1000)},         {"ns", 1}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (ns % units[i].ns == 0) {
            snprintf(out, size, "%" PRId64 "%s", ns / units[i].ns, units[i].name);
            return;
        }
}

void cmt_pruner__keep_words(const cmt_keep_policy *policy, cmt_keep_rule rule, bool as_flags,
                            char out[CMT_DECIDED_BY_SIZE])
{
    char duration[32] = "";
    print_duration(policy->for_ns, duration, sizeof duration);
    switch (rule) {
    case CMT_KEEP_NONE:
        out[0] = '\0';
        break;
    case CMT_KEEP_BLOCKS:
        snprintf(out, CMT_DECIDED_BY_SIZE, "%s %" PRId64,
                 as_flags ? "--keep-blocks" : "keep_blocks", policy->blocks);
        break;
    case CMT_KEEP_FOR:
        snprintf(out, CMT_DECIDED_BY_SIZE, "%s %s", as_flags ? "--keep-for" : "keep_for", duration);
        break;
    case CMT_KEEP_BYTES:
        snprintf(out, CMT_DECIDED_BY_SIZE, "%s %" PRIu64, as_flags ? "--keep-bytes" : "keep_bytes",
                 policy->bytes);
        break;
    }
}

void cmt_pruner__pin_words(const cmt_pin *pin, char out[CMT_DECIDED_BY_SIZE])
{
    snprintf(out, CMT_DECIDED_BY_SIZE, "pin %s at height %" PRId64, pin->name, pin->height);
}
