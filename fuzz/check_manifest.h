/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzz target of a MANIFEST's dialect does with a MANIFEST.
 */
#ifndef CMT_FUZZ_CHECK_MANIFEST_H
#define CMT_FUZZ_CHECK_MANIFEST_H

#include "version.h"

typedef cmt_status manifest_reader(int fd, const char *name, uint64_t size, cmt_lsm__version *out,
                                   cmt_error *err);

/** Read the bytes in one dialect.  What is accepted is in order, level by level, and is the same after being
 *  encoded. */
void check_manifest(cmt_slice manifest, manifest_reader *read);

#endif
