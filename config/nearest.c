/* SPDX-License-Identifier: Apache-2.0
 *
 * Which known key a mistyped one means: edit distance.
 */
#include "config_internal.h"

#include <ctype.h>
#include <string.h>

/* Longer keys are compared by their first characters only. */
#define LENGTH_MAX 64

/* A key in the wrong table is nearer than any other spelling. */
#define OTHER_TABLE_COST 1
#define EDIT_COST 2

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static bool same(char a, char b)
{
    if ((a == '-' || a == '_') && (b == '-' || b == '_'))
        return true;
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions and replacements that turn one into the other (Levenshtein). */
static size_t edits(const char *a, const char *b)
{
    size_t a_size = strnlen(a, LENGTH_MAX);
    size_t b_size = strnlen(b, LENGTH_MAX);
    size_t row[LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + !same(a[i - 1], b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_size];
}

static const char *last_key(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

static bool same_table(const char *a, const char *b)
{
    size_t a_size = (size_t)(last_key(a) - a);
    return a_size == (size_t)(last_key(b) - b) && memcmp(a, b, a_size) == 0;
}

const char *cmt_config_nearest(const char *path, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t cost = edits(last_key(path), last_key(candidates[i])) * EDIT_COST +
                      (same_table(path, candidates[i]) ? 0 : OTHER_TABLE_COST);
        if (cost < least) {
            least = cost;
            nearest = candidates[i];
        }
    }
    return nearest;
}
