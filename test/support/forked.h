/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handle answers in a child that was forked from the process that made it.
 */
#ifndef CMT_TEST_FORKED_H
#define CMT_TEST_FORKED_H

#include <check.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/** The number of the first answer that is wrong; 0: none. */
static inline int forked_first_wrong(const bool *right, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!right[i])
            return (int)i + 1;
    return 0;
}

/** @p ask is called in a child, and finds none wrong. */
static inline void forked_expect(int (*ask)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(ask());
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "answer %d is wrong",
                  WEXITSTATUS(status));
}

#endif
