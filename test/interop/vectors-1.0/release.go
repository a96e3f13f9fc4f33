// SPDX-License-Identifier: Apache-2.0

package main

// What the releases name differently.

import (
	"fmt"
	"math/rand"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/libs/log"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
	gogo "github.com/cosmos/gogoproto/types"
)

// The messages that the releases keep in different packages.
type (
	finalizeResponse     = abci.FinalizeBlockResponse
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
	return commit.MedianTime(set)
}

func validatorUpdate(key crypto.PubKey, power int64) abci.ValidatorUpdate {
	return abci.NewValidatorUpdate(key, power)
}

func features(rng *rand.Rand, update *cmtproto.ConsensusParams) {
	height := func() *gogo.Int64Value {
		return &gogo.Int64Value{Value: []int64{0, -1, 100, 250, 390, rng.Int63n(500)}[rng.Intn(6)]}
	}
	if rng.Intn(2) == 0 {
		update.Feature = new(cmtproto.FeatureParams)
		if rng.Intn(2) == 0 {
			update.Feature.VoteExtensionsEnableHeight = height()
		}
		if rng.Intn(2) == 0 {
			update.Feature.PbtsEnableHeight = height()
		}
	}
	if rng.Intn(3) == 0 {
		precision, delay := time.Duration(rng.Int63n(40e9)), time.Duration(rng.Int63n(100000e9))
		update.Synchrony = &cmtproto.SynchronyParams{Precision: &precision}
		if rng.Intn(2) == 0 {
			update.Synchrony.MessageDelay = &delay
		}
	}
}

// blocks makes what 1.0 encodes differently: validators, evidence that holds them, parameters.
func blocks(w writer) {
	rng := rand.New(rand.NewSource(20261128))
	fmt.Fprintf(w, "# SPDX-License-Identifier: Apache-2.0\n")
	fmt.Fprintf(w, "# Made by test/interop/vectors-1.0 with CometBFT %s; do not edit.\n", release)
	evidence := []types.Evidence{attack(rng)}
	w.chain(rng, evidence)
	w.flips(rng, evidence)
	w.changes(rng)
	w.keys()
	w.paramUpdates(rng)
}

func newStateStore(db dbm.DB) sm.Store {
	return sm.NewStore(db, sm.StoreOptions{DBKeyLayout: "v1", Logger: log.NewNopLogger()})
}
