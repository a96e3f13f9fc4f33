/* SPDX-License-Identifier: Apache-2.0
 *
 * How a test program ends: its suite is run.
 */
#ifndef CMT_TEST_SUITE_H
#define CMT_TEST_SUITE_H

#include <check.h>

#include <stdlib.h>

/** Runs a suite, which is freed; the exit status of the program. */
static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/** Runs what @p add_tests adds, 30 s for each; the exit status. */
static inline int run_suite(const char *name, void (*add_tests)(TCase *))
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 30);
    add_tests(tc);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}

#endif
