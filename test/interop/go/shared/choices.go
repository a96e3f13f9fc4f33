// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"fmt"
	"math/rand"
	"time"
)

// Start is the genesis time of every chain.
var Start = time.Date(2024, 1, 2, 3, 4, 5, 678901234, time.UTC)

// Choices are the random decisions of one height.  They follow from seed and height alone, so that
// a chain made in two goes equals one made in one.
type Choices struct {
	*rand.Rand
	chain  *Chain
	height int64
}

// ChoicesAt gives the decisions of one height.
func (c *Chain) ChoicesAt(height int64) *Choices {
	return &Choices{rand.New(rand.NewSource(c.Seed*1_000_003 + height)), c, height}
}

// KeySecret is what the i-th validator key is made from.
func (c *Chain) KeySecret(i int) []byte { return []byte(fmt.Sprintf("cmtgen-%d-%d", c.Seed, i)) }

// KeyCount is how many keys may ever be validators.
func (c *Chain) KeyCount() int {
	if c.ValidatorStep > 0 {
		return c.Validators + 5
	}
	return c.Validators
}

// Due tells whether something that happens every `step` heights happens at this one.
func Due(height, step int64) bool { return step > 0 && height%step == 0 }

// Txs are the block's transactions: half of them noise, half compressible.
func (c *Choices) Txs() [][]byte {
	txs := make([][]byte, c.Intn(c.chain.MaxTxs+1))
	for i := range txs {
		txs[i] = make([]byte, 1+c.Intn(c.chain.TxBytes))
		if c.Intn(2) == 0 {
			c.Read(txs[i])
			continue
		}
		for j := range txs[i] {
			txs[i][j] = byte('a' + (i+j)%7)
		}
	}
	return txs
}

// Round is the round in which the block was decided: mostly the first.
func (c *Choices) Round() int32 {
	if c.Intn(100) < 4 {
		return int32(1 + c.Intn(3))
	}
	return 0
}

// VoteTime is when a validator precommitted this height.
func (c *Choices) VoteTime() time.Time {
	after := time.Duration(c.height-c.chain.Initial+1) * c.chain.BlockTime
	return Start.Add(after + time.Duration(c.Int63n(int64(c.chain.BlockTime/2))))
}

// Vote is what a validator precommitted.
type Vote int

// What a validator may have precommitted.
const (
	VoteBlock Vote = iota
	VoteAbsent
	VoteNil
)

// Votes chooses for each voting power, in order, so that more than two thirds are for the block.
func (c *Choices) Votes(powers []int64) []Vote {
	total := int64(0)
	for _, p := range powers {
		total += p
	}
	votes := make([]Vote, len(powers))
	sure := total // power that votes for the block if nobody else drops out
	for i, p := range powers {
		switch r := c.Intn(100); {
		case r >= 8 || (sure-p)*3 <= total*2:
			continue
		case r < 5:
			votes[i] = VoteAbsent
		default:
			votes[i] = VoteNil
		}
		sure -= p
	}
	return votes
}

// ValidatorUpdate chooses a key and its new power; 0 removes it.
func (c *Choices) ValidatorUpdate(power func(key int) int64, active int) (key int, newPower int64) {
	key = c.Intn(c.chain.KeyCount())
	if active < 3 || power(key) == 0 || c.Intn(3) > 0 {
		newPower = int64(1 + c.Intn(1000))
	}
	return key, newPower
}
