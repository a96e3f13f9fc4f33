/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with heights in both layouts: what is one is the key that its height and index make, is of one family only,
 * and lies within the ranges of its height and its family.
 */
#include "fuzz.h"

#include "cmtstore/keys.h"

#include <string.h>

#define FAMILIES 8

static bool within(cmt_slice key, cmt_range range)
{
    return cmt_slice_compare(range.lo, key) <= 0 &&
           (range.hi.size == 0 || cmt_slice_compare(key, range.hi) < 0);
}

static bool check_family(const cmt_key_family *family, cmt_slice key)
{
    int64_t height = -1;
    uint32_t index = 0;
    cmt_key_bounds bounds;
    if (!cmt_key_parse(family, key, &height, &index))
        return false;
    FUZZ_CHECK(height >= 0 && (family->indexed || index == 0));
    cmt_key made = cmt_key_make(family, height, index);
    FUZZ_CHECK(cmt_slice_equal(cmt_key_slice(&made), key));
    FUZZ_CHECK(within(key, cmt_key_family_range(family, &bounds)));
    FUZZ_CHECK(within(key, cmt_key_height_range(family, height, &bounds)));
    return true;
}

/* In a buffer of exactly its size, so that a byte too many is seen. */
static void check_text(cmt_slice key, size_t size)
{
    char *text = malloc(size);
    FUZZ_CHECK(text != NULL && cmt_key_describe(key, text, size) == text);
    size_t length = strnlen(text, size);
    FUZZ_CHECK(length < size);
    for (size_t i = 0; i < length; i++)
        FUZZ_CHECK(text[i] >= ' ' && text[i] <= '~');
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const cmt_key_family *const families[FAMILIES] = {
        &cmt_family_meta,       &cmt_family_part,       &cmt_family_commit, &cmt_family_seen_commit,
        &cmt_family_ext_commit, &cmt_family_validators, &cmt_family_params, &cmt_family_results,
    };
    cmt_slice key = {data, size};
    unsigned blocks = 0; /* the two stores are not mixed: a byte of v2 may mean two things */
    unsigned states = 0;
    for (size_t i = 0; i < FAMILIES; i++) {
        unsigned *found = i < 5 ? &blocks : &states;
        *found += check_family(families[i], key);
        *found += check_family(cmt_key_family_in(families[i], CMT_KEY_LAYOUT_V2), key);
    }
    FUZZ_CHECK(blocks <= 1 && states <= 1);
    check_text(key, 8);
    check_text(key, 64);
    return 0;
}
