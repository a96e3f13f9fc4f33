// SPDX-License-Identifier: Apache-2.0

package main

// The same for every release, as are blocks.go, extended.go and params.go: vectors-1.0 links to them.

import (
	"bufio"
	"fmt"
	"math/rand"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"
)

type writer struct{ *bufio.Writer }

func encode(set *types.ValidatorSet) []byte {
	pb, err := set.ToProto()
	must(err)
	bytes, err := pb.Marshal()
	must(err)
	return bytes
}

// validators with these powers; keys, and so addresses, depend on the index only.
func validators(powers ...int64) []*types.Validator {
	list := make([]*types.Validator, len(powers))
	for i, power := range powers {
		key := ed25519.GenPrivKeyFromSecret([]byte(fmt.Sprintf("validator %d", i)))
		list[i] = types.NewValidator(key.PubKey(), power)
	}
	return list
}

func fresh(powers ...int64) *types.ValidatorSet {
	return types.NewValidatorSet(validators(powers...))
}

func randomPowers(rng *rand.Rand, n int, max int64) []int64 {
	powers := make([]int64, n)
	for i := range powers {
		powers[i] = 1 + rng.Int63n(max)
	}
	return powers
}
