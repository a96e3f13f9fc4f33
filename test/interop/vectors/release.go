// SPDX-License-Identifier: Apache-2.0

package main

// What blocks.go needs and the releases name differently.

import (
	"fmt"
	"math/rand"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

type finalizeResponse = abci.ResponseFinalizeBlock

func medianTime(commit *types.Commit, set *types.ValidatorSet) time.Time {
	median, err := sm.MedianTime(commit, set)
	must(err)
	return median
}

func validatorUpdate(key crypto.PubKey, power int64) abci.ValidatorUpdate {
	return abci.UpdateValidator(key.Bytes(), power, key.Type())
}

// randomUpdate is what an application might answer, sensible or not.
func randomUpdate(rng *rand.Rand) *cmtproto.ConsensusParams {
	update := new(cmtproto.ConsensusParams)
	odd := func() bool { return rng.Intn(8) == 0 }
	if rng.Intn(2) == 0 {
		update.Block = &cmtproto.BlockParams{MaxBytes: rng.Int63n(104857601) - 1, MaxGas: rng.Int63n(1000) - 1}
		if odd() {
			update.Block.MaxBytes = []int64{0, -2, 104857601, 100}[rng.Intn(4)]
		}
	}
	if rng.Intn(2) == 0 {
		update.Evidence = &cmtproto.EvidenceParams{MaxAgeNumBlocks: 1 + rng.Int63n(1000),
			MaxAgeDuration: time.Duration(1 + rng.Int63n(1e12)), MaxBytes: rng.Int63n(2000000)}
		if odd() {
			update.Evidence.MaxAgeDuration = -update.Evidence.MaxAgeDuration
		}
	}
	if rng.Intn(3) == 0 {
		names := []string{"ed25519", "secp256k1", "unknown", "ed25519", "secp256k1", "ed25519"}
		update.Validator = &cmtproto.ValidatorParams{PubKeyTypes: names[rng.Intn(5):][:rng.Intn(2)+1-rng.Intn(8)/7]}
	}
	if rng.Intn(3) == 0 {
		update.Version = &cmtproto.VersionParams{App: uint64(rng.Intn(300))}
	}
	features(rng, update)
	return update
}

// paramUpdates: "params RELEASE BEFORE UPDATE HEIGHT AFTER", AFTER "-" when refused.
func (w writer) paramUpdates(rng *rand.Rand) {
	params := *types.DefaultConsensusParams()
	for i := 0; i < 80; i++ {
		height := int64(5 * i)
		update := randomUpdate(rng)
		before := params.ToProto()
		after := "-"
		next := params.Update(update)
		if next.ValidateBasic() == nil && params.ValidateUpdate(update, height) == nil {
			params = next
			pb := next.ToProto()
			after = fmt.Sprintf("%x", bytesOf(&pb))
		}
		fmt.Fprintf(w, "params %s %x %x %d %s\n", release, bytesOf(&before), append(bytesOf(update), 0x40, 1), height, after)
	}
}

func features(rng *rand.Rand, update *cmtproto.ConsensusParams) {
	if rng.Intn(2) == 0 {
		update.Abci = &cmtproto.ABCIParams{VoteExtensionsEnableHeight: []int64{0, -1, 100, 250, 390, rng.Int63n(500)}[rng.Intn(6)]}
	}
}
