// SPDX-License-Identifier: Apache-2.0

package main

// What the releases name differently.

import (
	"fmt"
	"math/rand"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// The messages that the releases keep in different packages.
type (
	finalizeResponse     = abci.ResponseFinalizeBlock
	signedMsgType        = cmtproto.SignedMsgType
	protoBlock           = cmtproto.Block
	protoExtendedCommit  = cmtproto.ExtendedCommit
	protoConsensusParams = cmtproto.ConsensusParams
	protoBlockParams     = cmtproto.BlockParams
	protoEvidenceParams  = cmtproto.EvidenceParams
	protoValidatorParams = cmtproto.ValidatorParams
	protoVersionParams   = cmtproto.VersionParams
)

func medianTime(commit *types.Commit, set *types.ValidatorSet) time.Time {
	median, err := sm.MedianTime(commit, set)
	must(err)
	return median
}

func validatorUpdate(key crypto.PubKey, power int64) abci.ValidatorUpdate {
	return abci.UpdateValidator(key.Bytes(), power, key.Type())
}

func features(rng *rand.Rand, update *cmtproto.ConsensusParams) {
	if rng.Intn(2) == 0 {
		update.Abci = &cmtproto.ABCIParams{VoteExtensionsEnableHeight: []int64{0, -1, 100, 250, 390, rng.Int63n(500)}[rng.Intn(6)]}
	}
}

func blocks(w writer) {
	rng := rand.New(rand.NewSource(20261127))
	fmt.Fprintf(w, "# SPDX-License-Identifier: Apache-2.0\n")
	fmt.Fprintf(w, "# Made by test/interop/vectors with CometBFT %s; do not edit.\n", release)
	w.trees()
	evidence := append(w.votes(rng), attack(rng))
	w.chain(rng, evidence)
	w.parts()
	w.flips(rng, []types.Evidence{evidence[4]})
	w.changes(rng)
	w.keys()
	w.results(rng)
	w.paramUpdates(rng)
}

func newStateStore(db dbm.DB) sm.Store { return sm.NewStore(db, sm.StoreOptions{}) }

// legacies: as responses, IN of 0.37.
func (w writer) legacies(rng *rand.Rand) {
	for i := 0; i < 40; i++ {
		legacy := &cmtstate.LegacyABCIResponses{DeliverTxs: randomTxResults(rng)}
		if rng.Intn(4) > 0 {
			legacy.BeginBlock = &cmtstate.ResponseBeginBlock{Events: randomEvents(rng)}
		}
		if rng.Intn(4) > 0 {
			legacy.EndBlock = &cmtstate.ResponseEndBlock{Events: randomEvents(rng)}
			if rng.Intn(3) == 0 {
				legacy.EndBlock.ConsensusParamUpdates = randomUpdate(rng)
			}
			for _, v := range validators(randomPowers(rng, rng.Intn(3), 9)...) {
				legacy.EndBlock.ValidatorUpdates = append(legacy.EndBlock.ValidatorUpdates, validatorUpdate(v.PubKey, v.VotingPower))
			}
		}
		bytes, err := legacy.Marshal()
		must(err)
		if len(bytes) > 0 {
			fmt.Fprintf(w, "results %x %x\n", bytes, stored(bytes))
		}
	}
}
