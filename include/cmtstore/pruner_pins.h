/* SPDX-License-Identifier: Apache-2.0
 *
 * Pins: heights with a name that no prune goes beyond.  Whoever needs old blocks for a while (a backup, an indexer, a
 * state sync that is being served) pins their lowest height, and removes the pin, or lets it expire.
 *
 * They are kept in <db_dir>/cmtstore/pins (docs/disk-format.md), which is replaced as a whole: they may be read and
 * changed beside a running node.  A prune that cannot read them is refused, since one might be lost.
 *
 * THREADS  any; programs that change pins at the same time wait for each other.
 */
#ifndef CMTSTORE_PRUNER_PINS_H
#define CMTSTORE_PRUNER_PINS_H

#include "cmtstore/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Letters, digits, '.', '_' and '-'. */
#define CMT_PIN_NAME_MAX 64
/** More are refused. */
#define CMT_PINS_MAX 1000

typedef struct cmt_pin {
    char name[CMT_PIN_NAME_MAX + 1];
    int64_t height;  /* this block and all above stay; 1 or more */
    int64_t expires; /* seconds since 1970 from which on it does not count; INT64_MAX: never */
} cmt_pin;

/** In the order of their names.  cmt_pins_free(). */
typedef struct cmt_pins {
    cmt_pin *pins;
    size_t count;
} cmt_pins;

CMT_API void cmt_pins_free(cmt_pins *pins);

/** True if @p name may be a pin's. */
CMT_API bool cmt_pin_name_is_valid(const char *name);

/**
 * All pins, those that have expired included; none where there is no file.
 *
 * @param data_dir  holds blockstore.db and state.db
 * @retval CMT_CORRUPT  the file is damaged; the message says what to do
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_pins_load(const char *data_dir, cmt_pins *out,
                                                cmt_error *err);

/** The pin with the lowest height that has not expired at @p now (seconds since 1970); NULL: none.  Borrowed. */
CMT_API const cmt_pin *cmt_pins_lowest(const cmt_pins *pins, int64_t now);

/**
 * Add a pin; others that have expired at @p now are removed.  Durable on return.
 *
 * @retval CMT_INVALID      not a name, not a height, expired already; or there is a pin of this name, or too many
 * @retval CMT_CORRUPT      the file is damaged; it stays as it is
 */
CMT_API CMT_MUST_CHECK cmt_status cmt_pins_add(const char *data_dir, const cmt_pin *pin,
                                               int64_t now, cmt_error *err);

/** Remove the pin @p name, and those that have expired at @p now.  Durable on return.
 *  @retval CMT_NOT_FOUND  there is none of this name (with a message) */
CMT_API CMT_MUST_CHECK cmt_status cmt_pins_remove(const char *data_dir, const char *name,
                                                  int64_t now, cmt_error *err);

#ifdef __cplusplus
}
#endif

#endif
