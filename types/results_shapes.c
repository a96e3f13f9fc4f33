/* SPDX-License-Identifier: Apache-2.0
 *
 * The structure of stored results.  Where generations differ a field has room for both.
 */
#include "results_read.h"

/* clang-format off */
#define NUMBER(number) {number, CMT_WIRE_VARINT, NULL}
#define BYTES(number) {number, CMT_WIRE_BYTES, NULL}
#define MESSAGE(number, shape) {number, CMT_WIRE_BYTES, &(shape)}
#define END {0, CMT_WIRE_VARINT, NULL}
#define SHAPE(id, text, ...)                                                                       \
    static const cmt_shape_field id##_fields[] = {__VA_ARGS__, END};                               \
    static const cmt_shape id = {text, id##_fields}

/* ---- parameters -------------------------------------------------------------------------- */

SHAPE(duration, "Duration", NUMBER(1), NUMBER(2));
SHAPE(block_params, "BlockParams", NUMBER(1), NUMBER(2));
SHAPE(evidence_params, "EvidenceParams", NUMBER(1), MESSAGE(2, duration), NUMBER(3));
SHAPE(validator_params, "ValidatorParams", BYTES(1));
SHAPE(version_params, "VersionParams", NUMBER(1));
SHAPE(abci_params, "ABCIParams", NUMBER(1));
SHAPE(number_value, "Int64Value", NUMBER(1));
SHAPE(feature_params, "FeatureParams", MESSAGE(1, number_value), MESSAGE(2, number_value));
SHAPE(params, "ConsensusParams", MESSAGE(1, block_params), MESSAGE(2, evidence_params),
      MESSAGE(3, validator_params), MESSAGE(4, version_params), MESSAGE(5, abci_params), BYTES(6),
      MESSAGE(7, feature_params));

/* ---- what both kinds hold ---------------------------------------------------------------- */

SHAPE(attribute, "EventAttribute", BYTES(1), BYTES(2), NUMBER(3));
SHAPE(event, "Event", BYTES(1), MESSAGE(2, attribute));
SHAPE(tx_result, "ExecTxResult", NUMBER(1), BYTES(2), BYTES(3), BYTES(4), NUMBER(5), NUMBER(6),
      MESSAGE(7, event), BYTES(8));
/* A key as PublicKey until 0.40, as type and bytes from 1.0 on. */
SHAPE(update, "ValidatorUpdate", BYTES(1), NUMBER(2), BYTES(3), BYTES(4));

/* ---- the two kinds ----------------------------------------------------------------------- */

static const cmt_shape_field finalize_block[] = {
    MESSAGE(1, event), MESSAGE(2, tx_result), MESSAGE(3, update), MESSAGE(4, params), BYTES(5), END,
};
const cmt_shape cmt_shape_finalize_block = {"ResponseFinalizeBlock", finalize_block};

SHAPE(begin_block, "ResponseBeginBlock", MESSAGE(1, event));
SHAPE(end_block, "ResponseEndBlock", MESSAGE(1, update), MESSAGE(2, params), MESSAGE(3, event));

static const cmt_shape_field abci_responses[] = {
    MESSAGE(1, tx_result), MESSAGE(2, end_block), MESSAGE(3, begin_block), END,
};
const cmt_shape cmt_shape_abci_responses = {"ABCIResponses", abci_responses};
/* clang-format on */
