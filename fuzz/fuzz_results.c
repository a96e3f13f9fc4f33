/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of either kind: what decodes is encoded to bytes that decode to as many messages, and to
 * themselves.
 */
#include "fuzz.h"

#include "cmtstore/types_hash.h"
#include "cmtstore/types_results.h"

static size_t total(const cmt_slice *messages, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(messages[i].data != NULL || messages[i].size == 0);
        size += messages[i].size;
    }
    return size;
}

static void check_again(const cmt_results *results)
{
    cmt_results again;
    cmt_buf once = CMT_BUF_INIT;
    cmt_buf twice = CMT_BUF_INIT;
    FUZZ_CHECK(cmt_results_encode(results, &once) == CMT_OK);
    FUZZ_CHECK(cmt_results_read(cmt_buf_slice(&once), &again, NULL) == CMT_OK);
    FUZZ_CHECK(again.tx_count == results->tx_count && again.event_count == results->event_count);
    FUZZ_CHECK(again.update_count == results->update_count);
    FUZZ_CHECK(again.has_params == results->has_params);
    FUZZ_CHECK(total(again.events, again.event_count) ==
               total(results->events, results->event_count));
    FUZZ_CHECK(cmt_results_encode(&again, &twice) == CMT_OK);
    FUZZ_CHECK(cmt_slice_equal(cmt_buf_slice(&once), cmt_buf_slice(&twice)));
    cmt_results_free(&again);
    cmt_buf_free(&twice);
    cmt_buf_free(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cmt_slice bytes = {data, size};
    cmt_results results;
    cmt_hash hash;
    if (cmt_results_decode(bytes, &results, NULL) == CMT_OK) {
        check_again(&results);
        FUZZ_CHECK(cmt_results_hash(results.tx_results, results.tx_count, &hash, NULL) == CMT_OK);
        cmt_results_free(&results);
    }
    if (cmt_results_read_legacy(bytes, &results, NULL) == CMT_OK) {
        check_again(&results);
        cmt_results_free(&results);
    }
    return 0;
}
