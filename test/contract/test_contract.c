/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the contract over one backend: test_contract leveldb|rocksdb|memory|view.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "suite.h"

static const char *const names[] = {"leveldb", "rocksdb", "memory", "view"};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "helper") == 0)
        return helper_main(argc - 2, argv + 2);
    for (size_t i = 0; argc == 2 && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(argv[1], names[i]) != 0)
            continue;
        backend = (contract_backend)i;
        Suite *suite = suite_create(names[i]);
        suite_add_tcase(suite, read_cases());
        suite_add_tcase(suite, iterator_cases());
        suite_add_tcase(suite, write_cases());
        suite_add_tcase(suite, range_cases());
        suite_add_tcase(suite, compaction_cases());
        suite_add_tcase(suite, file_cases());
        suite_add_tcase(suite, crash_cases());
        suite_add_tcase(suite, thread_cases());
        return suite_run(suite);
    }
    fprintf(stderr, "usage: test_contract leveldb|rocksdb|memory|view\n");
    return 2;
}
