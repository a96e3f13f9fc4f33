/* SPDX-License-Identifier: Apache-2.0
 *
 * Time differences, and the age of evidence that is measured with them.
 */
#include "cmtstore/types.h"

__extension__ typedef __int128 int128;

static int64_t saturate(int128 value)
{
    if (value > INT64_MAX)
        return INT64_MAX;
    if (value < INT64_MIN)
        return INT64_MIN;
    return (int64_t)value;
}

int64_t cmt_time_sub(cmt_time a, cmt_time b)
{
    return saturate(((int128)a.seconds - b.seconds) * 1000000000 + a.nanos - b.nanos);
}

bool cmt_evidence_expired(const cmt_evidence_window *window, int64_t height, cmt_time time)
{
    int64_t age_blocks = saturate((int128)window->last_block_height - height);
    int64_t age_ns = cmt_time_sub(window->last_block_time, time);
    return age_ns > window->max_age_duration_ns && age_blocks > window->max_age_num_blocks;
}
