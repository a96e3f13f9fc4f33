/* SPDX-License-Identifier: Apache-2.0
 *
 * A chunked bump allocator.
 */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)

struct cmt_lsm__arena_chunk {
    struct cmt_lsm__arena_chunk *next;
    uint8_t data[];
};

void cmt_lsm__arena_free(cmt_lsm__arena *arena)
{
    struct cmt_lsm__arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct cmt_lsm__arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *arena = (cmt_lsm__arena){0};
}

uint8_t *cmt_lsm__arena_get(cmt_lsm__arena *arena, size_t size)
{
    if (size > arena->left) {
        size_t bytes = size > CHUNK_BYTES / 4 ? size : CHUNK_BYTES;
        struct cmt_lsm__arena_chunk *chunk = malloc(sizeof *chunk + bytes);
        if (chunk == NULL)
            return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        if (bytes != CHUNK_BYTES)
            return chunk->data; /* a chunk of its own; the current one goes on being filled */
        arena->next = chunk->data;
        arena->left = bytes;
    }
    uint8_t *p = arena->next;
    arena->next += size;
    arena->left -= size;
    return p;
}

cmt_status cmt_lsm__arena_copy(cmt_lsm__arena *arena, cmt_slice bytes, cmt_slice *out)
{
    uint8_t *p = cmt_lsm__arena_get(arena, bytes.size + 1);
    if (p == NULL)
        return CMT_NO_MEMORY;
    if (bytes.size > 0)
        memcpy(p, bytes.data, bytes.size);
    p[bytes.size] = 0;
    *out = (cmt_slice){p, bytes.size};
    return CMT_OK;
}
