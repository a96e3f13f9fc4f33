/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the prune rule about single keys.
 */
#include "store_internal.h"

/* The family and height of a key, and the heights of that family that die. */
static bool find_dead_set(const cmt_block_prune *prune, cmt_slice key, int64_t *height,
                          const cmt_height_set **dead)
{
    const struct {
        const cmt_key_family *family;
        const cmt_height_set *dead;
    } families[] = {
        {&cmt_family_meta, &prune->dead_meta},
        {&cmt_family_part, &prune->dead_part},
        {&cmt_family_commit, &prune->dead_commit},
        {&cmt_family_seen_commit, &prune->dead_seen_commit},
        {&cmt_family_ext_commit, &prune->dead_ext_commit},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const cmt_key_family *family = cmt_key_family_in(families[i].family, prune->layout);
        if (cmt_key_parse(family, key, height, NULL)) {
            *dead = families[i].dead;
            return true;
        }
    }
    return false;
}

cmt_status cmt_block_prune_is_dead(const cmt_block_prune *prune, cmt_slice key, cmt_slice value,
                                   bool *dead, cmt_error *err)
{
    int64_t height;
    const cmt_height_set *set;
    if (cmt_slice_has_prefix(key, cmt_block_hash_range(prune->layout).lo)) {
        CMT_TRY(cmt_store__hash_value(key, value, &height, err));
        set = &prune->dead_hash;
    } else if (!find_dead_set(prune, key, &height, &set)) {
        *dead = false;
        return CMT_OK;
    }
    *dead = cmt_height_set_contains(set, height);
    return CMT_OK;
}

/* Below base, ranges run over heights that no visible key has.  Entries that were deleted may still
 * stand there, and leftovers that a search missed because its budget ended it: they go.  What has
 * to stay is known, and in no range. */
cmt_status cmt_block_prune_check(const cmt_block_prune *prune, cmt_slice key, cmt_error *err)
{
    int64_t height;
    const cmt_height_set *dead;
    if (find_dead_set(prune, key, &height, &dead) &&
        (cmt_height_set_contains(dead, height) || height < prune->base))
        return CMT_OK;
    char text[128];
    return cmt_error_set(err, CMT_CORRUPT,
                         "block store: the key %s stands among keys to be removed, but is none",
                         cmt_key_describe(key, text, sizeof text));
}
