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

#include "cleanup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t node[CMT_HASH_SIZE];

static cmt_status hash_leaf(cmt_sha256_context *sha, cmt_slice item, node out, cmt_error *err)
{
    static const uint8_t prefix[] = {0};
    cmt_slice pieces[] = {{prefix, 1}, item};
    return cmt_sha256_of(sha, pieces, 2, out, err);
}

static cmt_status hash_inner(cmt_sha256_context *sha, const node left, const node right, node out,
                             cmt_error *err)
{
    static const uint8_t prefix[] = {1};
    cmt_slice pieces[] = {{prefix, 1}, {left, CMT_HASH_SIZE}, {right, CMT_HASH_SIZE}};
    return cmt_sha256_of(sha, pieces, 3, out, err);
}

/* ---- root alone -------------------------------------------------------------------------- */

cmt_status cmt_merkle_open(cmt_merkle *tree, cmt_error *err)
{
    tree->leaves = 0;
    tree->depth = 0;
    return cmt_sha256_open(&tree->sha, err);
}

void cmt_merkle_close(cmt_merkle *tree)
{
    cmt_sha256_close(&tree->sha);
}

static cmt_status join_top(cmt_merkle *tree, cmt_error *err)
{
    size_t top = tree->depth - 1;
    CMT_TRY(
        hash_inner(&tree->sha, tree->stack[top - 1], tree->stack[top], tree->stack[top - 1], err));
    tree->depth--;
    return CMT_OK;
}

/* As adding 1 to a binary number: each carry joins two subtrees of the same size. */
cmt_status cmt_merkle_add(cmt_merkle *tree, cmt_slice item, cmt_error *err)
{
    CMT_TRY(hash_leaf(&tree->sha, item, tree->stack[tree->depth], err));
    tree->depth++;
    for (uint64_t carry = tree->leaves; (carry & 1) != 0; carry >>= 1)
        CMT_TRY(join_top(tree, err));
    tree->leaves++;
    return CMT_OK;
}

cmt_status cmt_merkle_finish(cmt_merkle *tree, cmt_hash *out, cmt_error *err)
{
    if (tree->leaves == 0)
        return cmt_sha256((cmt_slice){NULL, 0}, out, err);
    while (tree->depth > 1)
        CMT_TRY(join_top(tree, err));
    cmt_hash root = {{0}, CMT_HASH_SIZE};
    memcpy(root.bytes, tree->stack[0], CMT_HASH_SIZE);
    *out = root;
    return CMT_OK;
}

cmt_status cmt_merkle_root(const cmt_slice *items, size_t count, cmt_hash *out, cmt_error *err)
{
    CMT_AUTO(cmt_merkle_close) cmt_merkle tree = {0};
    CMT_TRY(cmt_merkle_open(&tree, err));
    for (size_t i = 0; i < count; i++)
        CMT_TRY(cmt_merkle_add(&tree, items[i], err));
    return cmt_merkle_finish(&tree, out, err);
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

static cmt_status build(cmt_merkle_tree *tree, const cmt_slice *items, cmt_error *err)
{
    CMT_AUTO(cmt_sha256_close) cmt_sha256_context sha = {NULL};
    CMT_TRY(cmt_sha256_open(&sha, err));
    for (size_t i = 0; i < tree->count; i++)
        CMT_TRY(hash_leaf(&sha, items[i], tree->nodes[i], err));
    node *level = tree->nodes;
    for (size_t n = tree->count; n > 1; n = (n + 1) / 2) {
        node *above = level + n;
        for (size_t i = 0; i + 1 < n; i += 2)
            CMT_TRY(hash_inner(&sha, level[i], level[i + 1], above[i / 2], err));
        if (n % 2 == 1)
            memcpy(above[n / 2], level[n - 1], CMT_HASH_SIZE);
        level = above;
    }
    if (tree->count == 0)
        return cmt_sha256((cmt_slice){NULL, 0}, &tree->root, err);
    tree->root.size = CMT_HASH_SIZE;
    memcpy(tree->root.bytes, level[0], CMT_HASH_SIZE);
    return CMT_OK;
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
    cmt_status st = build(tree, items, err);
    if (st == CMT_OK)
        *out = tree;
    else
        cmt_merkle_tree_free(tree);
    return st;
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
static cmt_status climb(const cmt_merkle_proof *proof, cmt_sha256_context *sha, node at, bool *fits,
                        cmt_error *err)
{
    size_t used = 0;
    uint64_t i = (uint64_t)proof->index;
    *fits = false;
    for (uint64_t n = (uint64_t)proof->total; n > 1; n = (n + 1) / 2, i /= 2) {
        if ((i ^ 1) >= n)
            continue;
        if (used == proof->aunt_count)
            return CMT_OK;
        const uint8_t *aunt = proof->aunts[used++];
        if ((i & 1) != 0)
            CMT_TRY(hash_inner(sha, aunt, at, at, err));
        else
            CMT_TRY(hash_inner(sha, at, aunt, at, err));
    }
    *fits = used == proof->aunt_count;
    return CMT_OK;
}

cmt_status cmt_merkle_verify(const cmt_merkle_proof *proof, cmt_hash root, cmt_slice item,
                             cmt_error *err)
{
    if (proof->index < 0 || proof->index >= proof->total ||
        proof->aunt_count > CMT_MERKLE_AUNTS_MAX)
        return cmt_error_set(err, CMT_CORRUPT,
                             "Merkle proof: index %" PRId64 " of %" PRId64 " with %zu aunts",
                             proof->index, proof->total, proof->aunt_count);
    CMT_AUTO(cmt_sha256_close) cmt_sha256_context sha = {NULL};
    CMT_TRY(cmt_sha256_open(&sha, err));
    node at;
    CMT_TRY(hash_leaf(&sha, item, at, err));
    if (memcmp(at, proof->leaf_hash, CMT_HASH_SIZE) != 0)
        return cmt_error_set(err, CMT_CORRUPT, "Merkle proof: it is for another item");
    bool fits;
    CMT_TRY(climb(proof, &sha, at, &fits, err));
    if (!fits)
        return cmt_error_set(err, CMT_CORRUPT,
                             "Merkle proof: %zu aunts do not lead from leaf %" PRId64 " of %" PRId64
                             " to the root",
                             proof->aunt_count, proof->index, proof->total);
    if (root.size != CMT_HASH_SIZE || memcmp(at, root.bytes, CMT_HASH_SIZE) != 0)
        return cmt_error_set(err, CMT_CORRUPT, "Merkle proof: it leads to another root");
    return CMT_OK;
}
