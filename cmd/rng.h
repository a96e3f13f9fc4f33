/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers that follow from a seed, the same everywhere.
 */
#ifndef CMT_CMD_RNG_H
#define CMT_CMD_RNG_H

#include <stdint.h>

/* SplitMix64. */
typedef struct cmd_rng {
    uint64_t state;
} cmd_rng;

static inline uint64_t cmd_rng_next(cmd_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** Of its own for each purpose and height of a chain. */
static inline cmd_rng cmd_rng_of(int64_t seed, uint64_t purpose, int64_t height)
{
    cmd_rng rng = {(uint64_t)seed * UINT64_C(0x2545f4914f6cdd1d) + (purpose << 56)};
    rng.state = cmd_rng_next(&rng) + (uint64_t)height;
    rng.state = cmd_rng_next(&rng);
    return rng;
}

/** In [0,@p limit); limit > 0. */
static inline uint64_t cmd_rng_below(cmd_rng *rng, uint64_t limit)
{
    return cmd_rng_next(rng) % limit;
}

#endif
