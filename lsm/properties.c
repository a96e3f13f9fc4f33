/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the properties block.
 */
#include "properties.h"

#include <string.h>

#include "coding.h"
#include "format.h"

static cmt_status put(cmt_buf *out, cmt_buf *last, const char *name, const void *value, size_t size)
{
    size_t length = strlen(name);
    size_t shared = 0;
    while (shared < length && shared < last->size && last->data[shared] == (uint8_t)name[shared])
        shared++;
    CMT_TRY(cmt_buf_append_varint(out, shared));
    CMT_TRY(cmt_buf_append_varint(out, length - shared));
    CMT_TRY(cmt_buf_append_varint(out, size));
    CMT_TRY(cmt_buf_append(out, name + shared, length - shared));
    CMT_TRY(cmt_buf_append(out, value, size));
    return cmt_buf_set(last, (cmt_slice){(const uint8_t *)name, length});
}

static cmt_status put_number(cmt_buf *out, cmt_buf *last, const char *name, uint64_t value)
{
    uint8_t bytes[CMT_VARINT_MAX];
    return put(out, last, name, bytes, cmt_varint_put(bytes, value));
}

static cmt_status put_text(cmt_buf *out, cmt_buf *last, const char *name, const char *text)
{
    return put(out, last, name, text, strlen(text));
}

#define RUN(call) st = st == CMT_OK ? (call) : st

static cmt_status put_all(const cmt_lsm__properties *p, cmt_buf *out, cmt_buf *last)
{
    static const uint8_t binary_search[4] = {0};
    cmt_status st = CMT_OK;
    RUN(put(out, last, "rocksdb.block.based.table.index.type", binary_search, 4));
    RUN(put_text(out, last, "rocksdb.block.based.table.prefix.filtering", "0"));
    RUN(put_text(out, last, "rocksdb.block.based.table.whole.key.filtering", "0"));
    RUN(put_number(out, last, "rocksdb.column.family.id", INT32_MAX));
    RUN(put_text(out, last, "rocksdb.comparator", CMT_LSM_COMPARATOR));
    RUN(put_text(out, last, "rocksdb.compression", "Snappy"));
    RUN(put_text(out, last, "rocksdb.compression_options",
                 "window_bits=-14; level=32767; strategy=0; max_dict_bytes=0; "
                 "zstd_max_train_bytes=0; enabled=0; "));
    RUN(put_number(out, last, "rocksdb.creation.time", 0));
    RUN(put_number(out, last, "rocksdb.data.size", p->data_bytes));
    RUN(put_number(out, last, "rocksdb.deleted.keys", p->deletions));
    RUN(put_number(out, last, "rocksdb.filter.size", 0));
    RUN(put_number(out, last, "rocksdb.fixed.key.length", 0));
    RUN(put_number(out, last, "rocksdb.format.version", 0));
    RUN(put_number(out, last, "rocksdb.index.key.is.user.key", 0));
    RUN(put_number(out, last, "rocksdb.index.size", p->index_bytes));
    RUN(put_number(out, last, "rocksdb.index.value.is.delta.encoded", 0));
    RUN(put_number(out, last, "rocksdb.merge.operands", 0));
    RUN(put_text(out, last, "rocksdb.merge.operator",
                 p->rocksdb ? "nullptr" : "pebble.concatenate"));
    RUN(put_number(out, last, "rocksdb.num.data.blocks", p->data_blocks));
    RUN(put_number(out, last, "rocksdb.num.entries", p->entries));
    RUN(put_number(out, last, "rocksdb.num.range-deletions", 0));
    RUN(put_number(out, last, "rocksdb.oldest.key.time", 0));
    RUN(put_text(out, last, "rocksdb.prefix.extractor.name", "nullptr"));
    RUN(put_text(out, last, "rocksdb.property.collectors", "[]"));
    RUN(put_number(out, last, "rocksdb.raw.key.size", p->raw_key_bytes));
    RUN(put_number(out, last, "rocksdb.raw.value.size", p->raw_value_bytes));
    return st;
}

cmt_status cmt_lsm__properties_encode(const cmt_lsm__properties *properties, cmt_buf *out)
{
    static const uint8_t one_restart[8] = {0, 0, 0, 0, 1, 0, 0, 0};
    cmt_buf last = CMT_BUF_INIT;
    cmt_status st = put_all(properties, out, &last);
    cmt_buf_free(&last);
    RUN(cmt_buf_append(out, one_restart, sizeof one_restart));
    return st;
}
