/* SPDX-License-Identifier: Apache-2.0
 *
 * The databases of an imagined node, grown block by block as CometBFT writes them, with prunes in
 * between that ended well or did not.  Everything follows from the few numbers of a struct history,
 * so that a failing case can be printed, repeated and made smaller.
 */
#ifndef CMT_TEST_NODE_HISTORY_H
#define CMT_TEST_NODE_HISTORY_H

#include "chain.h"
#include "rng.h"

/* Whose PruneBlocks and PruneStates. */
typedef enum history_flavour {
    FLAVOUR_0_37,       /* knows no evidence height */
    FLAVOUR_0_38_EARLY, /* never deletes EC:, like 1.0 */
    FLAVOUR_0_38,
    FLAVOURS,
} history_flavour;

/* How an earlier prune ended. */
typedef enum history_ending {
    ENDED_WELL,
    ENDED_BEFORE_STATE, /* the blocks are pruned, the state is not */
    ENDED_IN_STATE,     /* the top `cut` heights of the state are pruned: it goes downwards */
    ENDED_DELETES_LOST, /* base has moved; the deletions of the top `cut` heights are lost */
    ENDED_BASE_DELETED, /* base names the last block that was deleted, `cut` below the target */
    ENDINGS,
} history_ending;

typedef struct history_prune {
    int64_t at;     /* when this was the last block */
    int64_t retain; /* below it is pruned */
    history_flavour flavour;
    history_ending ending;
    int64_t cut;
} history_prune;

#define HISTORY_PRUNES 4

typedef struct history {
    uint64_t seed; /* details of single heights */
    int64_t initial_height;
    int64_t state_sync; /* the height synced to; 0: all blocks from initial_height on */
    int64_t tip;        /* the last block */
    bool state_behind;  /* the state knows of all blocks but the last */
    bool version;       /* a CometBFT >= 1.0 has opened it */
    bool layout_v2;     /* with version: to be pruned with the keys of layout v2 */
    bool params_as_0_34;
    bool discard_results;
    unsigned extensions_percent;
    unsigned validators_percent; /* of heights at which the set changes */
    unsigned params_percent;
    int64_t wrong_validators; /* records above name this pointer as the last change */
    int64_t wrong_params;
    int64_t evidence_blocks;
    int64_t evidence_seconds;
    int64_t block_seconds;
    int64_t results_marker; /* lastABCIResponsesRetainHeight; -1: absent */
    bool legacy_base;       /* the block store's record has no base, where that is 1 */
    unsigned junk_percent;  /* of heights below base that have stray keys */
    history_prune prunes[HISTORY_PRUNES];
    size_t prune_count;
    int64_t retain; /* the prune that is tested */
    bool sweep;
    bool reclaim; /* ranges run over deleted heights too; the same pairs must be left */
} history;

/* What the node has when it stops. */
typedef struct world {
    const history *h;
    cmt_db *blocks;
    cmt_db *state;
    int64_t base;
    int64_t height;       /* of the block store */
    int64_t state_height; /* last block of the state */
} world;

/** A random history.  Heights lie around the powers of ten and the validator checkpoints. */
void history_make(rng *r, history *out);

/** True if the numbers fit together (after some were changed to make a case smaller). */
bool history_is_sound(const history *h);

/** Grow the databases; world_close() them. */
void world_open(const history *h, world *out);
void world_close(world *w);

/** The first block there ever was. */
int64_t history_first_block(const history *h);
chain_block history_block(const history *h, int64_t height);
cmt_evidence_window history_window(const history *h, int64_t last_block_height);

/** The history as lines of text. */
void history_print(const history *h);

#endif
