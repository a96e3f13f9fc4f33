/* SPDX-License-Identifier: Apache-2.0
 *
 * Time for measuring; intervals never use the wall clock.
 */
#ifndef CMT_BASE_CLOCK_H
#define CMT_BASE_CLOCK_H

#include <stdint.h>

/** Nanoseconds of the monotonic clock. */
int64_t cmt_clock_ns(void);

/** Whole milliseconds since @p start_ns, a value of cmt_clock_ns(). */
int64_t cmt_clock_ms_since(int64_t start_ns);

#endif
