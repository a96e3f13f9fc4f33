/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target defines, and the check it makes its claims with.
 */
#ifndef CMT_FUZZ_FUZZ_H
#define CMT_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** One run of the target over any bytes whatever.  Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Abort, as libFuzzer wants to see it, unless @p claim holds. */
#define FUZZ_CHECK(claim)                                                                          \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #claim);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
