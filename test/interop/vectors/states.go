// SPDX-License-Identifier: Apache-2.0

package main

// The same for every release: vectors-1.0 links to it.

import (
	"crypto/sha256"
	"fmt"
	"math/rand"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// digest is over all pairs: a line "KEY VALUE" in hex for each, in order.
func digest(db dbm.DB) (pairs int, sum []byte) {
	iter, err := db.Iterator(nil, nil)
	must(err)
	defer iter.Close()
	hash := sha256.New()
	for ; iter.Valid(); iter.Next() {
		fmt.Fprintf(hash, "%x %x\n", iter.Key(), iter.Value())
		pairs++
	}
	return pairs, hash.Sum(nil)
}

func randomSet(rng *rand.Rand) *types.ValidatorSet {
	list := validators(randomPowers(rng, 1+rng.Intn(4), 1000)...)
	if rng.Intn(6) == 0 {
		key := secp256k1.GenPrivKeySecp256k1(randomBytes(rng, 8))
		list = append(list, types.NewValidator(key.PubKey(), 77))
	}
	set := types.NewValidatorSet(list)
	set.IncrementProposerPriority(1 + rng.Int31n(50))
	return set
}

// randomState is one after block height (0: before the first), which changed what it likes.
func randomState(rng *rand.Rand, initial, height int64) sm.State {
	next := height + 1
	if height == 0 {
		next = initial
	}
	version := sm.InitStateVersion
	version.Consensus.App = uint64(rng.Intn(3))
	version.Software = []string{"", "0.1.2-rc3", version.Software}[rng.Intn(3)]
	params := *types.DefaultConsensusParams()
	params.Block.MaxGas = rng.Int63n(1000) - 1
	params.Version.App = version.Consensus.App
	state := sm.State{
		Version: version, ChainID: "chain", InitialHeight: initial,
		LastBlockHeight: height, LastBlockTime: randomTime(rng),
		NextValidators: randomSet(rng), Validators: randomSet(rng), LastValidators: types.NewValidatorSet(nil),
		LastHeightValidatorsChanged:      []int64{next + 1, next, initial}[rng.Intn(3)],
		ConsensusParams:                  params,
		LastHeightConsensusParamsChanged: []int64{next, initial}[rng.Intn(2)],
		AppHash:                          randomBytes(rng, []int{0, 8, 20, 32}[rng.Intn(4)]),
	}
	if height > 0 {
		state.LastBlockID = randomID(rng)
		state.LastValidators = randomSet(rng)
		state.LastResultsHash = randomBytes(rng, 32)
	}
	return state
}

// saves: "save|bootstrap STATE PAIRS DIGEST", into an empty store.
func (w writer) saves(rng *rand.Rand) {
	heights := []int64{0, 1, 2, 57, 99997, 99998, 99999, 100000, 199998, 199999}
	for _, height := range heights {
		for _, initial := range []int64{1, max(1, height-5)} {
			state := randomState(rng, initial, height)
			for _, kind := range []string{"save", "bootstrap"} {
				db := dbm.NewMemDB()
				store := newStateStore(db)
				if kind == "save" {
					must(store.Save(state))
				} else {
					must(store.Bootstrap(state))
				}
				pairs, sum := digest(db)
				fmt.Fprintf(w, "%s %x %d %x\n", kind, state.Bytes(), pairs, sum)
			}
		}
	}
	state := randomState(rng, 99999, 0)
	db := dbm.NewMemDB()
	must(newStateStore(db).Save(state))
	pairs, sum := digest(db)
	fmt.Fprintf(w, "save %x %d %x\n", state.Bytes(), pairs, sum)
}

// fakeBlocks is a block store of which Rollback sees two metas.
type fakeBlocks struct {
	sm.BlockStore
	metas map[int64]*types.BlockMeta
	top   int64
}

func (f fakeBlocks) Height() int64                          { return f.top }
func (f fakeBlocks) LoadBlockMeta(h int64) *types.BlockMeta { return f.metas[h] }

func randomMeta(rng *rand.Rand, height int64) *types.BlockMeta {
	header := types.Header{ChainID: "chain", Height: height, Time: randomTime(rng), LastBlockID: randomID(rng),
		LastCommitHash: randomBytes(rng, 32), DataHash: randomBytes(rng, 32), ValidatorsHash: randomBytes(rng, 32),
		NextValidatorsHash: randomBytes(rng, 32), ConsensusHash: randomBytes(rng, 32), AppHash: randomBytes(rng, 20),
		LastResultsHash: randomBytes(rng, 32), EvidenceHash: randomBytes(rng, 32), ProposerAddress: randomBytes(rng, 20)}
	header.Version.Block = 11
	return &types.BlockMeta{BlockID: randomID(rng), BlockSize: 1000, Header: header, NumTxs: 1}
}

// rollbacks: "rollback SOFTWARE BEFORE STATE META META AFTER DIGEST".  The store holds the state BEFORE,
// bootstrapped, and STATE one block above it, saved; the metas are of their last blocks.
func (w writer) rollbacks(rng *rand.Rand) {
	for _, height := range []int64{2, 3, 57, 99998, 99999, 100000, 100001, 123456} {
		for i := 0; i < 3; i++ {
			before := randomState(rng, 1, height-1)
			state := randomState(rng, 1, height)
			state.LastValidators, state.Validators = before.Validators, before.NextValidators
			if state.LastHeightConsensusParamsChanged < height {
				state.LastHeightConsensusParamsChanged = before.LastHeightConsensusParamsChanged
			}
			if before.LastHeightConsensusParamsChanged != height {
				continue // the record of its parameters would be a pointer to nothing
			}
			db := dbm.NewMemDB()
			store := newStateStore(db)
			must(store.Bootstrap(before))
			must(store.Save(state))
			metas := map[int64]*types.BlockMeta{height - 1: randomMeta(rng, height-1), height: randomMeta(rng, height)}
			_, _, err := sm.Rollback(fakeBlocks{metas: metas, top: height}, store, false)
			must(err)
			after, err := store.Load()
			must(err)
			_, sum := digest(db)
			fmt.Fprintf(w, "rollback %s %x %x %x %x %x %x\n", after.Version.Software, before.Bytes(), state.Bytes(),
				metaBytes(metas[height-1]), metaBytes(metas[height]), after.Bytes(), sum)
		}
	}
}

func metaBytes(meta *types.BlockMeta) []byte {
	bytes, err := meta.ToProto().Marshal()
	must(err)
	return bytes
}

func randomEvents(rng *rand.Rand) []abci.Event {
	var events []abci.Event
	for i := rng.Intn(3); i > 0; i-- {
		event := abci.Event{Type: string(make([]byte, rng.Intn(4)))}
		for j := rng.Intn(3); j > 0; j-- {
			event.Attributes = append(event.Attributes, abci.EventAttribute{Key: "k", Value: fmt.Sprint(j), Index: j == 1})
		}
		events = append(events, event)
	}
	return events
}

func randomTxResults(rng *rand.Rand) []*abci.ExecTxResult {
	var txs []*abci.ExecTxResult
	for i := rng.Intn(4); i > 0; i-- {
		txs = append(txs, &abci.ExecTxResult{Code: uint32(rng.Intn(2)), Data: randomBytes(rng, rng.Intn(9)), Log: "log"[:rng.Intn(4)],
			GasUsed: rng.Int63n(5), Events: randomEvents(rng), Codespace: "space"[:rng.Intn(6)]})
	}
	return txs
}

// stored puts a value of results into a store and says what that makes of it; nil: an error.
func stored(value []byte) []byte {
	db := dbm.NewMemDB()
	must(db.Set([]byte("abciResponsesKey:5"), value))
	response, err := newStateStore(db).LoadFinalizeBlockResponse(5)
	if err != nil {
		return nil
	}
	bytes, err := response.Marshal()
	must(err)
	return bytes
}

// responses: "results IN OUT", OUT "-" when the store refuses.
func (w writer) responses(rng *rand.Rand) {
	for i := 0; i < 40; i++ {
		response := &finalizeResponse{Events: randomEvents(rng), TxResults: randomTxResults(rng), AppHash: randomBytes(rng, 8*rng.Intn(2))}
		bytes, err := response.Marshal()
		must(err)
		if len(bytes) == 0 {
			continue
		}
		out := "-"
		if made := stored(bytes); made != nil {
			if len(response.AppHash) == 0 {
				continue // taken for results of 0.37, which it happens to be, too
			}
			out = fmt.Sprintf("%x", made)
		}
		fmt.Fprintf(w, "results %x %s\n", bytes, out)
	}
}

func states(w writer) {
	rng := rand.New(rand.NewSource(20261129))
	fmt.Fprintf(w, "# SPDX-License-Identifier: Apache-2.0\n")
	fmt.Fprintf(w, "# Made by test/interop/vectors with CometBFT %s; do not edit.\n", release)
	w.saves(rng)
	w.rollbacks(rng)
	w.responses(rng)
}
