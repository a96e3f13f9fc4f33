/* SPDX-License-Identifier: Apache-2.0
 *
 * Files for fuzz targets: one directory per process, in memory where the machine has that, removed at the
 * end.
 */
#ifndef CMT_FUZZ_SCRATCH_H
#define CMT_FUZZ_SCRATCH_H

#include "cmtstore/base.h"

/** A descriptor of the directory.  The first call makes it. */
int scratch_fd(void);
/** Its path. */
const char *scratch_path(void);
/** Make or overwrite a file in it. */
void scratch_write(const char *name, cmt_slice bytes);
/** Remove every file in it. */
void scratch_clear(void);
/** A file that has no name and these contents: one per process. */
int scratch_memory(cmt_slice bytes);

#endif
