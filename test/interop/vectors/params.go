// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand"
	"time"

	"github.com/cometbft/cometbft/types"
)

// randomUpdate is what an application might answer, sensible or not.
func randomUpdate(rng *rand.Rand) *protoConsensusParams {
	update := new(protoConsensusParams)
	odd := func() bool { return rng.Intn(8) == 0 }
	if rng.Intn(2) == 0 {
		update.Block = &protoBlockParams{MaxBytes: rng.Int63n(104857601) - 1, MaxGas: rng.Int63n(1000) - 1}
		if odd() {
			update.Block.MaxBytes = []int64{0, -2, 104857601, 100}[rng.Intn(4)]
		}
	}
	if rng.Intn(2) == 0 {
		update.Evidence = &protoEvidenceParams{MaxAgeNumBlocks: 1 + rng.Int63n(1000),
			MaxAgeDuration: time.Duration(1 + rng.Int63n(1e12)), MaxBytes: rng.Int63n(2000000)}
		if odd() {
			update.Evidence.MaxAgeDuration = -update.Evidence.MaxAgeDuration
		}
	}
	if rng.Intn(3) == 0 {
		names := []string{"ed25519", "secp256k1", "unknown", "ed25519", "secp256k1", "ed25519"}
		update.Validator = &protoValidatorParams{PubKeyTypes: names[rng.Intn(5):][:rng.Intn(2)+1-rng.Intn(8)/7]}
	}
	if rng.Intn(3) == 0 {
		update.Version = &protoVersionParams{App: uint64(rng.Intn(300))}
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
