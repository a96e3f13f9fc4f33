/* SPDX-License-Identifier: Apache-2.0
 *
 * What a database takes up before and after a compaction.
 */
#include "compactor_internal.h"
#include "slices.h"

double cmt_compactor__share(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return 0;
    return part < whole ? (double)part / (double)whole : 1;
}

static uint64_t bytes_in(const cmt_db_stats *stats, uint64_t *tables)
{
    uint64_t bytes = stats->log_bytes;
    *tables = 0;
    for (size_t level = 0; level < CMT_DB_LEVELS; level++) {
        *tables += stats->tables[level];
        bytes += stats->table_bytes[level];
    }
    return bytes > 0 ? bytes : stats->memtable_bytes;
}

cmt_status cmt_compactor__measure_before(cmt_compactor__side *side, cmt_error *err)
{
    CMT_TRY(cmt_db_get_stats(side->store->db, &side->before, err));
    side->result->bytes_before = bytes_in(&side->before, &side->result->tables_before);
    return CMT_OK;
}

static uint64_t less(uint64_t before, uint64_t after)
{
    return before > after ? before - after : 0;
}

/* Blocks are saved meanwhile, so it may have become more. */
static void count_entries(const cmt_compactor__side *side, const cmt_db_stats *after)
{
    cmt_compact_result *result = side->result;
    const cmt_db_stats *before = &side->before;
    if (before->entries_known && after->entries_known) {
        result->keys_reclaimed = less(before->entries, after->entries);
        result->tombstones_merged = less(before->deletions + before->range_deletions,
                                         after->deletions + after->range_deletions);
    } else if (result->outcome == CMT_COMPACT_FINISHED) {
        result->keys_reclaimed = side->deleted_keys;
        result->tombstones_merged = side->deleted_keys;
    }
}

/* Figures that cannot be read are those of before. */
void cmt_compactor__measure_after(const cmt_compactor__side *side)
{
    cmt_compact_result *result = side->result;
    cmt_db_stats after;
    uint64_t left;
    if (cmt_db_get_stats(side->store->db, &after, NULL) != CMT_OK)
        after = side->before;
    result->bytes_after = bytes_in(&after, &result->tables_after);
    count_entries(side, &after);
    if (result->outcome != CMT_COMPACT_FINISHED &&
        cmt_compactor__bytes_of(side->store->db, &side->store->work, &left, NULL) == CMT_OK)
        result->dead_after = cmt_compactor__share(left, result->bytes_after);
}
