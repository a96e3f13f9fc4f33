/* SPDX-License-Identifier: Apache-2.0
 *
 * Sanitizers make exhaustive tests ten times as slow without seeing more: there a part of the cases does.
 */
#ifndef CMT_TEST_INSTRUMENTED_H
#define CMT_TEST_INSTRUMENTED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IF_INSTRUMENTED(then, otherwise) (then)
#else
#define IF_INSTRUMENTED(then, otherwise) (otherwise)
#endif

#endif
