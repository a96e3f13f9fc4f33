/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing version edits.
 */
#include "version.h"
#include "version_fields.h"

static cmt_status put_field(cmt_buf *out, uint64_t tag, uint64_t value)
{
    CMT_TRY(cmt_buf_append_varint(out, tag));
    return cmt_buf_append_varint(out, value);
}

static cmt_status put_custom(cmt_buf *out, const cmt_lsm__table_meta *table)
{
    if (table->creation_time != 0) {
        uint8_t time[CMT_VARINT_MAX];
        size_t size = cmt_varint_put(time, table->creation_time);
        CMT_TRY(cmt_buf_append_varint(out, CUSTOM_CREATION_TIME));
        CMT_TRY(cmt_buf_append_bytes(out, (cmt_slice){time, size}));
    }
    if (table->marked) {
        CMT_TRY(cmt_buf_append_varint(out, CUSTOM_NEEDS_COMPACTION));
        CMT_TRY(cmt_buf_append_bytes(out, CMT_SLICE("\1")));
    }
    return cmt_buf_append_varint(out, CUSTOM_END);
}

/* What RocksDB said of a table that stays. */
static cmt_status put_kept(cmt_buf *out, const cmt_lsm__table_meta *table)
{
    CMT_TRY(cmt_buf_append(out, table->custom.data, table->custom.size));
    return cmt_buf_append_varint(out, CUSTOM_END);
}

static cmt_status put_table(cmt_buf *out, const cmt_lsm__table_meta *table)
{
    bool custom = table->creation_time != 0 || table->marked || table->custom.size > 0;
    unsigned tag = !table->rocksdb_format ? TAG_NEW_TABLE
                   : custom               ? TAG_NEW_TABLE_4
                                          : TAG_NEW_TABLE_2;
    CMT_TRY(put_field(out, tag, table->level));
    CMT_TRY(cmt_buf_append_varint(out, table->number));
    CMT_TRY(cmt_buf_append_varint(out, table->size));
    CMT_TRY(cmt_buf_append_bytes(out, table->smallest));
    CMT_TRY(cmt_buf_append_bytes(out, table->largest));
    if (!table->rocksdb_format)
        return CMT_OK;
    CMT_TRY(put_field(out, table->smallest_sequence, table->largest_sequence));
    if (!custom)
        return CMT_OK;
    return table->rocksdb ? put_kept(out, table) : put_custom(out, table);
}

cmt_status cmt_lsm__version_encode(const cmt_lsm__version *counters,
                                   const cmt_lsm__table_meta *tables, size_t count, cmt_buf *out)
{
    CMT_TRY(cmt_buf_append_varint(out, TAG_COMPARATOR));
    CMT_TRY(cmt_buf_append_bytes(out, CMT_SLICE(CMT_LSM_COMPARATOR)));
    CMT_TRY(put_field(out, TAG_LOG_NUMBER, counters->log_number));
    if (!counters->rocksdb_format || counters->rocksdb)
        CMT_TRY(put_field(out, TAG_PREV_LOG_NUMBER, counters->prev_log_number));
    if (counters->rocksdb)
        CMT_TRY(put_field(out, TAG_ROCKSDB_MIN_LOG, counters->min_log_number));
    if (counters->db_id.size > 0) {
        CMT_TRY(cmt_buf_append_varint(out, TAG_DB_ID));
        CMT_TRY(cmt_buf_append_bytes(out, counters->db_id));
    }
    CMT_TRY(put_field(out, TAG_NEXT_FILE, counters->next_file_number));
    CMT_TRY(put_field(out, TAG_LAST_SEQUENCE, counters->last_sequence));
    for (unsigned level = 0; level < CMT_LSM_LEVELS; level++) {
        if (counters->compact_pointers[level].size == 0)
            continue;
        CMT_TRY(put_field(out, TAG_COMPACT_POINTER, level));
        CMT_TRY(cmt_buf_append_bytes(out, counters->compact_pointers[level]));
    }
    for (size_t i = 0; i < count; i++)
        CMT_TRY(put_table(out, &tables[i]));
    return CMT_OK;
}
