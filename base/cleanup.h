/* SPDX-License-Identifier: Apache-2.0
 *
 * Scope-bound cleanup: `CMT_AUTO(cmt_buf_free) cmt_buf key = CMT_BUF_INIT;` releases on every way
 * out of the scope.  The function named takes a pointer to the variable.
 */
#ifndef CMT_BASE_CLEANUP_H
#define CMT_BASE_CLEANUP_H

#define CMT_AUTO(function) __attribute__((cleanup(function)))

/* Defines NAME##_cleanup(T **) for a free function that takes T *. */
#define CMT_DEFINE_CLEANUP(type, free_function)                                                    \
    static inline void free_function##_cleanup(type **object) /* NOLINT(*-macro-parentheses) */    \
    {                                                                                              \
        free_function(*object);                                                                    \
    }

#endif
