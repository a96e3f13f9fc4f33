// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// script is what is decided once for a recorded chain.  All follows from its seed.
type script struct {
	mixedKeys     bool  // some validators sign by secp256k1
	maxBytes      int64 // of a block; 0: CometBFT's default
	evidenceBytes int64
	pbts          int64
	version       uint64
	hashSize      int // of the application's hashes
	answers       int // to InitChain: 1 validators, 2 parameters, 4 app hash
	updates       int // in so many blocks of ten
	evidence      int
	attacks       bool // evidence of attacks on light clients, too
	large         int  // one block in so many has several parts
	retain        int  // how the application asks for pruning
	others        bool // the next proposer saw other votes
	companion     bool
	failsAtEnd    bool
}

func newScript(chain *shared.Chain) *script {
	rng := rand.New(rand.NewSource(chain.Seed ^ 0x5eed))
	pick := func(of ...int64) int64 { return of[rng.Intn(len(of))] }
	chain.Initial = pick(1, 1, 1, 7, 90, 990, 99_990)
	chain.Validators = int(pick(1, 2, 4, 7))
	chain.MaxTxs = int(pick(1, 3, 9))
	chain.TxBytes = int(pick(20, 300, 3000))
	chain.EvidenceAge = pick(2, 5, 20, 1000)
	chain.BlockTime = time.Duration(pick(2, 1_000, 3_600_000)) * time.Millisecond
	chain.Discard = rng.Intn(5) == 0
	chain.ExtensionFrom = 0
	if rng.Intn(3) == 0 {
		chain.ExtensionFrom = chain.Initial + pick(0, 1, 5, 20)
	}
	chain.Layout = "v1"
	if release == "1.0" && rng.Intn(2) == 0 {
		chain.Layout = "v2"
	}
	s := &script{
		mixedKeys: rng.Intn(6) == 0, maxBytes: pick(0, 0, -1, tightBlock, tightBlock+9_000), evidenceBytes: pick(0, 700, 5_000),
		version: uint64(pick(0, 1, 9)), hashSize: int(pick(0, 8, 32, 32, 32)), answers: rng.Intn(8),
		updates: int(pick(0, 1, 4)), evidence: int(pick(0, 1, 4)), retain: rng.Intn(6), others: rng.Intn(2) == 0,
		companion: release == "1.0" && rng.Intn(3) == 0, failsAtEnd: rng.Intn(2) == 0,
	}
	// What is rare comes by turns, so that a row of seeds has it.
	if chain.Seed%5 == 2 {
		s.large, s.maxBytes = 8, 0
	}
	if s.attacks = chain.Seed%3 == 0; s.attacks { // of some kilobytes each
		s.maxBytes, s.evidenceBytes, s.evidence = 0, 100_000, 4
	}
	if chain.Seed%5 == 1 {
		s.pbts = chain.Initial + pick(0, 1, 7)
	}
	if chain.Initial > 90_000 {
		s.retain = 0 // around a checkpoint CometBFT's prune takes too much: see docs/compatibility.md
	}
	return s
}

func (r *recorder) makeKeys() {
	r.keys = make([]crypto.PrivKey, r.chain.Validators+5)
	for i := range r.keys {
		if r.keys[i] = ed25519.GenPrivKeyFromSecret(r.chain.KeySecret(i)); r.mixedKeys && i%2 == 1 {
			r.keys[i] = secp256k1.GenPrivKeySecp256k1(r.chain.KeySecret(i))
		}
		r.signer[r.keys[i].PubKey().Address().String()] = r.keys[i]
	}
}

func (r *recorder) genesis() *types.GenesisDoc {
	doc := r.maker.genesisOf(r.keys[:r.chain.Validators])
	p := doc.ConsensusParams
	if r.mixedKeys {
		p.Validator.PubKeyTypes = []string{types.ABCIPubKeyTypeEd25519, types.ABCIPubKeyTypeSecp256k1}
	}
	if r.maxBytes != 0 {
		p.Block.MaxBytes = r.maxBytes
	}
	p.Evidence.MaxBytes = r.evidenceBytes
	p.Version.App = r.version
	if r.version == 1 {
		setAuthority(p, "somebody")
	}
	if r.pbts != 0 {
		enablePbts(p, r.pbts)
	}
	if r.answers&5 == 5 && r.hashSize > 0 { // which CometBFT believes only beside one of the application's
		doc.AppHash = []byte("genesis")
	}
	if r.answers == 0 {
		doc.AppState = []byte(`{"key": ["value", 1]}`)
	}
	return doc
}

// initAnswer is what the application makes of the genesis.
func (r *recorder) initAnswer() *initChainResponse {
	res := &initChainResponse{}
	if r.answers&1 != 0 {
		for i, key := range r.keys[1:] {
			update, err := newValidatorUpdate(key.PubKey(), int64(5+i*i))
			if err != nil {
				panic(err)
			}
			res.Validators = append(res.Validators, update)
		}
	}
	if r.answers&2 != 0 {
		params := r.doc.ConsensusParams.ToProto()
		params.Block.MaxGas = 77
		params.Version.App = 5
		res.ConsensusParams = &paramUpdate{Block: params.Block, Version: params.Version}
	}
	if r.answers&4 != 0 {
		res.AppHash = []byte("initial")[:min(7, r.hashSize)]
	}
	return res
}

// changes are those of validators and parameters that may be.
func (r *recorder) changes(height int64, res *finalizeBlockResponse) error {
	set := r.state.NextValidators
	size := set.Size()
	for _, i := range r.at.Perm(len(r.keys)) {
		if r.at.Intn(10) >= r.updates || len(res.ValidatorUpdates) == 3 {
			continue
		}
		power := int64(1) << r.at.Intn(30)
		if set.HasAddress(r.keys[i].PubKey().Address()) && size > 1 && r.at.Intn(3) == 0 {
			power = 0
			size--
		}
		update, err := newValidatorUpdate(r.keys[i].PubKey(), power)
		if err != nil {
			return err
		}
		res.ValidatorUpdates = append(res.ValidatorUpdates, update)
	}
	if r.at.Intn(10) < r.updates {
		res.ConsensusParamUpdates = r.paramChanges(height)
	}
	return nil
}

func (r *recorder) paramChanges(height int64) *paramUpdate {
	now := r.state.ConsensusParams
	p := now.ToProto()
	update := &paramUpdate{}
	if r.at.Intn(2) == 0 {
		update.Block = p.Block
		update.Block.MaxGas = r.at.Int63n(1_000_000) - 1
		if now.Block.MaxBytes > 0 {
			update.Block.MaxBytes += r.at.Int63n(100)
		}
	}
	if r.at.Intn(3) == 0 { // never shorter: what the pool has would be too old for others
		update.Evidence = p.Evidence
		update.Evidence.MaxAgeNumBlocks += r.at.Int63n(3)
		update.Evidence.MaxAgeDuration += time.Duration(r.at.Int63n(1000))
	}
	if r.at.Intn(4) == 0 {
		update.Version = p.Version
		update.Version.App = uint64(r.at.Intn(300))
	}
	if r.at.Intn(4) == 0 {
		update.Validator = p.Validator
	}
	if r.at.Intn(4) == 0 {
		changeAuthority(update, "somebody else"[:r.at.Intn(14)])
	}
	extensions, pbts := int64(0), int64(0)
	if from := extensionsFrom(&now); r.at.Intn(3) == 0 && (from == 0 || from > height) {
		extensions = height + 1 + r.at.Int63n(9)
	}
	if from := pbtsFrom(&now); r.at.Intn(3) == 0 && (from == 0 || from > height) {
		pbts = height + 1 + r.at.Int63n(9)
	}
	enableFrom(update, extensions, pbts)
	return update
}

// spoil makes of good results some that cannot be applied.
func (r *recorder) spoil(res *finalizeBlockResponse) error {
	key := ed25519.GenPrivKeyFromSecret([]byte("nobody")).PubKey()
	power := int64(-1)
	switch r.at.Intn(6) {
	case 0:
		res.TxResults = append(res.TxResults, result(1, 1, []byte("no such transaction")))
		return nil
	case 1: // removes somebody who is not there
		power = 0
	case 2: // two of the same key
		update, err := newValidatorUpdate(key, 9)
		res.ValidatorUpdates = append(res.ValidatorUpdates, update)
		if power = 10; err != nil {
			return err
		}
	case 3:
		res.ConsensusParamUpdates = &paramUpdate{}
		enableFrom(res.ConsensusParamUpdates, -1, 0)
		return nil
	case 4:
		block := *r.state.ConsensusParams.ToProto().Block
		block.MaxBytes = 0
		res.ConsensusParamUpdates = &paramUpdate{Block: &block}
		return nil
	case 5: // more than all may have together
		power = types.MaxTotalVotingPower
	}
	update, err := newValidatorUpdate(key, power)
	res.ValidatorUpdates = append(res.ValidatorUpdates, update)
	return err
}

// retainHeight is what the application gives up: nothing, all but a few, or now and then something odd.
func (r *recorder) retainHeight() int64 {
	height := r.height
	switch r.retain {
	case 1:
		return max(0, height-9)
	case 2:
		if height%7 == 0 {
			return height - r.at.Int63n(20)
		}
	case 3:
		return height // all but this block
	case 4:
		return height - 30 + r.at.Int63n(35)
	case 5:
		return r.chain.Initial + r.at.Int63n(height-r.chain.Initial+2)
	}
	return 0
}
