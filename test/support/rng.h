/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers that a seed repeats on every machine.
 */
#ifndef CMT_TEST_RNG_H
#define CMT_TEST_RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

/** SplitMix64: any seed will do. */
static inline uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/** A number in [lo,hi]. */
static inline int64_t rng_between(rng *r, int64_t lo, int64_t hi)
{
    uint64_t span = (uint64_t)(hi - lo) + 1;
    return lo + (int64_t)(span == 0 ? 0 : rng_next(r) % span);
}

/** True in @p percent of 100 calls. */
static inline bool rng_chance(rng *r, unsigned percent)
{
    return rng_next(r) % 100 < percent;
}

#endif
