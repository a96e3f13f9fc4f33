/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys as the generations of CometBFT encode them.
 */
#ifndef CMT_TYPES_KEY_H
#define CMT_TYPES_KEY_H

#include "cmtstore/types_validators.h"

/* Which field of PublicKey holds a key; the generations disagree about number 4. */
typedef struct cmt_key_field {
    uint32_t number;
    cmt_public_key key;
} cmt_key_field;

/** The key of a validator and the field that its generation keeps it in. */
CMT_MUST_CHECK cmt_status cmt_types_key_field(const cmt_validator *validator, cmt_key_field *out,
                                              cmt_error *err);

/** The field of PublicKey for a type in a generation.
 *  @retval CMT_UNSUPPORTED  that generation has none */
CMT_MUST_CHECK cmt_status cmt_types_key_number(cmt_key_type type, cmt_generation generation,
                                               uint32_t *out, cmt_error *err);

/** Read a PublicKey message. */
CMT_MUST_CHECK cmt_status cmt_types_key_message(cmt_slice bytes, cmt_key_field *out,
                                                cmt_error *err);

#endif
