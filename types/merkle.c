/* SPDX-License-Identifier: Apache-2.0
 *
 * The Merkle tree of RFC 6962.
 *
 * It splits n leaves at the largest power of two below n.  That is the same tree as pairing the
 * nodes of each level from the left, where a last node without partner moves up as it is; so
 * nothing here needs recursion.
 */
#include "merkle.h"

#include "cmtstore/types_hash.h"
#include "sha256.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t node[CMT_HASH_SIZE];

static void hash_leaf(cmt_slice item, node out)
{
    static const uint8_t prefix[] = {0};
    cmt_slice pieces[] = {{prefix, 1}, item};
    cmt_sha256_of(pieces, 2, out);
}

static void hash_inner(const node left, const node right, node out)
{
    static const uint8_t prefix[] = {1};
    cmt_slice pieces[] = {{prefix, 1}, {left, CMT_HASH_SIZE}, {right, CMT_HASH_SIZE}};
    cmt_sha256_of(pieces, 3, out);
}

/* ---- root alone -------------------------------------------------------------------------- */

static void join_top(cmt_merkle *tree)
{
    size_t top = tree->depth - 1;
    hash_inner(tree->stack[top - 1], tree->stack[top], tree->stack[top - 1]);
    tree->depth--;
}

/* As adding 1 to a binary number: each carry joins two subtrees of the same size. */
void cmt_merkle_add(cmt_merkle *tree, cmt_slice item)
{
    hash_leaf(item, tree->stack[tree->depth]);
    tree->depth++;
    for (uint64_t carry = tree->leaves; (carry & 1) != 0; carry >>= 1)
        join_top(tree);
    tree->leaves++;
}

cmt_hash cmt_merkle_finish(cmt_merkle *tree)
{
    cmt_hash root = {{0}, CMT_HASH_SIZE};
    if (tree->leaves == 0) {
        cmt_sha256_of(NULL, 0, root.bytes);
        return root;
    }
    while (tree->depth > 1)
        join_top(tree);
    memcpy(root.bytes, tree->stack[0], CMT_HASH_SIZE);
    return root;
}

cmt_status cmt_merkle_root(const cmt_slice *items, size_t count, cmt_hash *out, cmt_error *err)
{
    cmt_merkle tree = {0};
    (void)err;
    for (size_t i = 0; i < count; i++)
        cmt_merkle_add(&tree, items[i]);
    *out = cmt_merkle_finish(&tree);
    return CMT_OK;
}

/* ---- all nodes --------------------------------------------------------------------------- */

struct cmt_merkle_tree {
    size_t count; /* leaves */
    cmt_hash root;
    node *nodes; /* level upon level, the leaves first; the root is the last */
};

/* Of any number of leaves; each level halves, and there are at most 64. */
static size_t node_count(size_t leaves)
{
    size_t nodes = leaves;
    for (size_t level = leaves; level > 1; nodes += level)
        level = (level + 1) / 2;
    return nodes;
}

static void build(cmt_merkle_tree *tree, const cmt_slice *items)
{
    for (size_t i = 0; i < tree->count; i++)
        hash_leaf(items[i], tree->nodes[i]);
    node *level = tree->nodes;
    for (size_t n = tree->count; n > 1; n = (n + 1) / 2) {
        node *above = level + n;
        for (size_t i = 0; i + 1 < n; i += 2)
            hash_inner(level[i], level[i + 1], above[i / 2]);
        if (n % 2 == 1)
            memcpy(above[n / 2], level[n - 1], CMT_HASH_SIZE);
        level = above;
    }
    tree->root.size = CMT_HASH_SIZE;
    if (tree->count == 0)
        cmt_sha256_of(NULL, 0, tree->root.bytes);
    else
        memcpy(tree->root.bytes, level[0], CMT_HASH_SIZE);
}

cmt_status cmt_merkle_tree_new(const cmt_slice *items, size_t count, cmt_merkle_tree **out,
                               cmt_error *err)
{
    *out = NULL;
    cmt_merkle_tree *tree = NULL;
    if (count <= SIZE_MAX / (4 * CMT_HASH_SIZE))
        tree = calloc(1, sizeof *tree);
    if (tree != NULL)
        tree->nodes = malloc((node_count(count) + 1) * CMT_HASH_SIZE);
    if (tree == NULL || tree->nodes == NULL) {
        cmt_merkle_tree_free(tree);
        return cmt_error_set(err, CMT_NO_MEMORY, "Merkle tree: no memory for %zu leaves", count);
    }
    tree->count = count;
    build(tree, items);
    *out = tree;
    return CMT_OK;
}

void cmt_merkle_tree_free(cmt_merkle_tree *tree)
{
    if (tree == NULL)
        return;
    free(tree->nodes);
    free(tree);
}

cmt_hash cmt_merkle_tree_root(const cmt_merkle_tree *tree)
{
    return tree->root;
}

cmt_status cmt_merkle_tree_prove(const cmt_merkle_tree *tree, size_t index, cmt_merkle_proof *out,
                                 cmt_error *err)
{
    if (index >= tree->count)
        return cmt_error_set(err, CMT_OUT_OF_RANGE, "Merkle tree: no leaf %zu among %zu", index,
                             tree->count);
    out->total = (int64_t)tree->count;
    out->index = (int64_t)index;
    out->aunt_count = 0;
    memcpy(out->leaf_hash, tree->nodes[index], CMT_HASH_SIZE);
    const node *level = (const node *)tree->nodes;
    size_t i = index;
    for (size_t n = tree->count; n > 1; n = (n + 1) / 2) {
        if ((i ^ 1) < n)
            memcpy(out->aunts[out->aunt_count++], level[i ^ 1], CMT_HASH_SIZE);
        level += n;
        i /= 2;
    }
    return CMT_OK;
}

/* ---- verifying --------------------------------------------------------------------------- */

/* From @p at, the leaf's hash, to the root; false if there are too few aunts, or too many. */
static bool climb(const cmt_merkle_proof *proof, node at)
{
    size_t used = 0;
    uint64_t i = (uint64_t)proof->index;
    for (uint64_t n = (uint64_t)proof->total; n > 1; n = (n + 1) / 2, i /= 2) {
        if ((i ^ 1) >= n)
            continue;
        if (used == proof->aunt_count)
            return false;
        const uint8_t *aunt = proof->aunts[used++];
        if ((i & 1) != 0)
            hash_inner(aunt, at, at);
        else
            hash_inner(at, aunt, at);
    }
    return used == proof->aunt_count;
}

cmt_status cmt_merkle_verify(const cmt_merkle_proof *proof, cmt_hash root, cmt_slice item,
                             cmt_error *err)
{
    if (proof->index < 0 || proof->index >= proof->total ||
        proof->aunt_count > CMT_MERKLE_AUNTS_MAX)
        return cmt_error_set(err, CMT_CORRUPT,
                             "Merkle proof: index %" PRId64 " of %" PRId64 " with %zu aunts",
                             proof->index, proof->total, proof->aunt_count);
    node at;
    hash_leaf(item, at);
    if (memcmp(at, proof->leaf_hash, CMT_HASH_SIZE) != 0)
        return cmt_error_set(err, CMT_CORRUPT, "Merkle proof: it is for another item");
    if (!climb(proof, at))
        return cmt_error_set(err, CMT_CORRUPT,
                             "Merkle proof: %zu aunts do not lead from leaf %" PRId64 " of %" PRId64
                             " to the root",
                             proof->aunt_count, proof->index, proof->total);
    if (root.size != CMT_HASH_SIZE || memcmp(at, root.bytes, CMT_HASH_SIZE) != 0)
        return cmt_error_set(err, CMT_CORRUPT, "Merkle proof: it leads to another root");
    return CMT_OK;
}
