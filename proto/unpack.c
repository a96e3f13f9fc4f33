/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf-c with a budget: two bytes of a message can make it allocate a hundred.
 */
#include "unpack.h"

#include "wire.h"

#include <stdlib.h>

#define STRUCTURE_MIN ((size_t)64 << 10)
#define STRUCTURE_MAX ((size_t)64 << 20)
#define STRUCTURE_PER_BYTE 16

typedef struct budget {
    size_t left;
    bool exceeded;
    bool no_memory;
} budget;

static size_t budget_of(size_t size)
{
    size_t structure = STRUCTURE_MAX;
    if (size < (STRUCTURE_MAX - STRUCTURE_MIN) / STRUCTURE_PER_BYTE)
        structure = STRUCTURE_MIN + size * STRUCTURE_PER_BYTE;
    return size + structure;
}

/* Counts what was ever asked for: a message is unpacked once and then freed whole. */
static void *take(void *context, size_t size)
{
    budget *b = context;
    if (size > b->left) {
        b->exceeded = true;
        return NULL;
    }
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL)
        b->no_memory = true;
    else
        b->left -= size;
    return memory;
}

static void give_back(void *context, void *memory)
{
    (void)context;
    free(memory);
}

/* protobuf-c cannot say what it dislikes, and lets field number 0 pass. */
static cmt_status check_fields(const char *name, cmt_slice bytes, cmt_error *err)
{
    cmt_wire_reader r = cmt_wire_read(name, bytes);
    cmt_wire_field f;
    while (cmt_wire_next(&r, &f)) {
    }
    return cmt_wire_end(&r, err);
}

cmt_status cmt_pb_unpack(const ProtobufCMessageDescriptor *type, cmt_slice bytes, size_t limit,
                         ProtobufCMessage **out, cmt_error *err)
{
    *out = NULL;
    const char *name = type->short_name;
    if (bytes.size > limit)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %zu bytes, more than the %zu it can have", name,
                             bytes.size, limit);
    CMT_TRY(check_fields(name, bytes, err));
    budget b = {budget_of(bytes.size), false, false};
    ProtobufCAllocator allocator = {take, give_back, &b};
    *out = protobuf_c_message_unpack(type, &allocator, bytes.size, bytes.data);
    if (*out != NULL)
        return CMT_OK;
    if (b.no_memory)
        return cmt_error_set(err, CMT_NO_MEMORY, "%s: no memory to decode %zu bytes", name,
                             bytes.size);
    if (b.exceeded)
        return cmt_error_set(err, CMT_CORRUPT, "%s: %zu bytes hold too many fields", name,
                             bytes.size);
    return cmt_error_set(err, CMT_CORRUPT, "%s: a field does not decode", name);
}

void cmt_pb_free(ProtobufCMessage **message)
{
    if (*message != NULL)
        protobuf_c_message_free_unpacked(*message, NULL);
    *message = NULL;
}
