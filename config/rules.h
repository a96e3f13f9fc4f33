/* SPDX-License-Identifier: Apache-2.0
 *
 * What a key of config.toml must be, and how its value is read.
 */
#ifndef CMT_CONFIG_RULES_H
#define CMT_CONFIG_RULES_H

#include "config_internal.h"

/* A key that is checked but not kept. */
#define CMT_CONFIG__NOT_KEPT SIZE_MAX

typedef enum cmt_config__type {
    CMT_CONFIG__TABLE,
    CMT_CONFIG__IGNORED, /* accepted whatever it is */
    CMT_CONFIG__BOOL,
    CMT_CONFIG__INTEGER,
    CMT_CONFIG__QUOTABLE_INTEGER, /* bare or as a string: CometBFT's own template quotes it */
    CMT_CONFIG__TEXT,
    CMT_CONFIG__CHOICE,
    CMT_CONFIG__DURATION,
    CMT_CONFIG__DAYS, /* a duration that may have days */
    CMT_CONFIG__SHARE,
    CMT_CONFIG__BYTES,
} cmt_config__type;

typedef struct cmt_config__rule {
    const char *path;
    cmt_config__type type;
    size_t offset; /* in cmt_config, or CMT_CONFIG__NOT_KEPT */
    size_t size;   /* of a text there */
    int64_t min;
    int64_t max;
    const char *
        choices; /* words with one blank between them; of a duration with an upper end: both ends */
} cmt_config__rule;

/* What a key is read with: where it stands, for messages, and where its value goes. */
typedef struct cmt_config__reader {
    const char *name;
    const cmt_toml_entry *entry;
    const cmt_config__rule *rule;
    cmt_config *out;
    cmt_error *err;
} cmt_config__reader;

/** Check the entry against its rule and put the value where it belongs.
 *  @retval CMT_INVALID  it is not what it must be */
CMT_MUST_CHECK cmt_status cmt_config__read_value(const cmt_config__reader *r);

#endif
