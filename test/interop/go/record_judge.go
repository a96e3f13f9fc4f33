// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cometbft/cometbft/types"
)

// Blocks that somebody else proposes, and evidence.

// addEvidence reports votes that contradict each other, as far back as CometBFT still knows the voters, and attacks
// on light clients.
func (r *recorder) addEvidence() {
	if r.height == r.chain.Initial || r.at.Intn(10) >= r.evidence {
		return
	}
	ev, kind := types.Evidence(nil), "attacks"
	if r.attacks && r.at.Intn(2) == 0 {
		ev = r.attack()
	} else {
		kind = "contradictions"
		ev = r.pastContradiction()
	}
	switch {
	case ev == nil:
	case r.pool.AddEvidence(ev) == nil:
		r.told[kind]++
	default: // too old
		r.told["evidence refused"]++
	}
}

func (r *recorder) pastContradiction() types.Evidence {
	height := r.height - 1 - r.at.Int63n(min(6, r.height-r.chain.Initial))
	set, err := r.states.LoadValidators(height)
	meta := r.blocks.LoadBlockMeta(height)
	if err != nil || meta == nil {
		return nil
	}
	ev, err := r.contradiction(height, meta.Header.Time, set)
	if err != nil {
		return nil
	}
	return ev
}

func (r *recorder) contradiction(height int64, when time.Time, set *types.ValidatorSet) (types.Evidence, error) {
	votes := [2]*types.Vote{}
	index := r.at.Intn(set.Size())
	round := int32(r.at.Intn(3))
	kind := precommitType
	if r.at.Intn(2) == 0 {
		kind = prevoteType
	}
	for i := range votes {
		hash := sha256.Sum256(randomBytes(r.at, 8))
		votes[i] = &types.Vote{
			Type: kind, Height: height, Round: round, Timestamp: when.Add(time.Duration(r.at.Intn(1000))),
			BlockID:          types.BlockID{Hash: hash[:], PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash[:]}},
			ValidatorAddress: set.Validators[index].Address, ValidatorIndex: int32(index),
		}
		if i == 1 && r.at.Intn(4) == 0 {
			votes[i].BlockID = types.BlockID{}
		}
		if err := r.sign(votes[i], false); err != nil {
			return nil, err
		}
	}
	return types.NewDuplicateVoteEvidence(votes[0], votes[1], when, set)
}

// judge decides as a node that is sent these bytes: '-' refused, '=' accepted, '~' accepted as another block.
// 1.0.1 panics on some light client attacks; that is a refusal too.
func (r *recorder) judge(pool evidencePool, encoded, hash []byte) (verdict byte) {
	defer func() {
		if recover() != nil {
			verdict = '-'
		}
	}()
	pb := new(protoBlock)
	if pb.Unmarshal(encoded) != nil {
		return '-'
	}
	block, err := types.BlockFromProto(pb)
	// A new executor each time: that of 0.40 accepts whatever has the hash of the last block it saw.
	exec := newExecutor(r.stores, r.conns, &recordedPool{recorder: r}, pool, r.pruning)
	if err != nil || exec.ValidateBlock(r.state, block) != nil {
		return '-'
	}
	if bytes.Equal(block.Hash(), hash) {
		return '='
	}
	return '~'
}

// judgeCopies writes down what CometBFT makes of the block, of copies with one damaged byte, and of blocks that are
// like it but for one thing.  Its evidence pool knows nothing beforehand.
func (r *recorder) judgeCopies(block *types.Block) error {
	pool, err := newEvidencePool(r.stores)
	if err != nil {
		return err
	}
	encoded, err := encodeBlock(block)
	if err != nil {
		return err
	}
	r.judged(pool, encoded, block.Hash())
	for range r.flips {
		at, mask := r.at.Intn(len(encoded)), byte(1+r.at.Intn(255))
		if len(encoded) > 4000 { // mostly not in a transaction
			at = [2]int{r.at.Intn(1000), len(encoded) - 1 - r.at.Intn(1000)}[r.at.Intn(2)]
		}
		if r.at.Intn(2) == 0 {
			mask = 1 << r.at.Intn(8)
		}
		encoded[at] ^= mask
		verdict := r.judge(pool, encoded, block.Hash())
		encoded[at] ^= mask
		r.told[fmt.Sprintf("damaged %c", verdict)]++
		r.out.put('f', append(binary.LittleEndian.AppendUint32(nil, uint32(at)), mask, verdict))
	}
	for range min(3, r.flips) {
		other, err := r.alter(encoded)
		if err != nil {
			continue // what came out cannot be encoded
		}
		r.judged(pool, other, block.Hash())
	}
	return nil
}

func (r *recorder) judged(pool evidencePool, encoded, hash []byte) {
	verdict := r.judge(pool, encoded, hash)
	r.told[fmt.Sprintf("altered %c", verdict)]++
	r.out.put('V', append([]byte{verdict}, encoded...))
}

func encodeBlock(block *types.Block) ([]byte, error) {
	pb, err := block.ToProto()
	if err != nil {
		return nil, err
	}
	return pb.Marshal()
}

// alter gives a block that differs in one thing, and whose hashes follow.
func (r *recorder) alter(encoded []byte) ([]byte, error) {
	pb := new(protoBlock)
	if err := pb.Unmarshal(encoded); err != nil {
		return nil, err
	}
	old, err := types.BlockFromProto(pb)
	if err != nil {
		return nil, err
	}
	// What a block has worked out it keeps; so a new one.
	block := &types.Block{Header: old.Header, Data: types.Data{Txs: old.Txs}, LastCommit: old.LastCommit.Clone()}
	evidence := append(types.EvidenceList{}, old.Evidence.Evidence...)
	switch what := r.at.Intn(12); {
	case what < 4:
		r.alterHeader(block)
	case what < 8:
		r.alterCommit(block.LastCommit)
	case what < 10:
		evidence = r.alterEvidence(evidence)
	default:
		if r.at.Intn(2) == 0 || len(block.Txs) == 0 {
			block.Txs = append(block.Txs, randomBytes(r.at, r.at.Intn(50)))
		} else {
			block.Txs = block.Txs[1:]
		}
	}
	block.Evidence.Evidence = evidence
	commit := &types.Commit{Height: block.LastCommit.Height, Round: block.LastCommit.Round,
		BlockID: block.LastCommit.BlockID, Signatures: block.LastCommit.Signatures}
	block.LastCommit = commit
	block.LastCommitHash, block.DataHash, block.EvidenceHash = commit.Hash(), block.Data.Hash(), evidence.Hash()
	return encodeBlock(block)
}

func (r *recorder) alterHeader(block *types.Block) {
	h := &block.Header
	hashes := []interface{ Bytes() []byte }{h.LastBlockID.Hash, h.LastBlockID.PartSetHeader.Hash, h.ValidatorsHash,
		h.NextValidatorsHash, h.ConsensusHash, h.AppHash, h.LastResultsHash}
	switch r.at.Intn(8) {
	case 0: // may be
		set := r.state.Validators.Validators
		h.ProposerAddress = set[r.at.Intn(len(set))].Address
	case 1:
		h.ProposerAddress = randomBytes(r.at, 20)
	case 2: // with PBTS, or at the initial height of 1.0, may be
		h.Time = h.Time.Add(time.Duration(r.at.Int63n(3) - 1))
	case 3:
		h.Height += r.at.Int63n(3) - 1
	case 4:
		h.Version.App++
	case 5:
		h.ChainID += "x"
	case 6:
		h.LastBlockID.PartSetHeader.Total++
	default:
		if hash := hashes[r.at.Intn(len(hashes))].Bytes(); len(hash) > 0 {
			hash[r.at.Intn(len(hash))] ^= 1 << r.at.Intn(8)
		}
	}
}

func (r *recorder) alterCommit(commit *types.Commit) {
	if len(commit.Signatures) == 0 {
		return
	}
	i := r.at.Intn(len(commit.Signatures))
	sig := &commit.Signatures[i]
	switch r.at.Intn(9) {
	case 0: // may be, while the rest is enough and the time the same
		*sig = types.NewCommitSigAbsent()
	case 1:
		commit.Signatures = commit.Signatures[:i]
	case 2:
		other := &commit.Signatures[r.at.Intn(len(commit.Signatures))]
		*sig, *other = *other, *sig
	case 3:
		commit.Round++
	case 4:
		commit.Height++
	case 5:
		sig.Timestamp = sig.Timestamp.Add(1)
	case 6:
		if len(sig.Signature) > 0 {
			sig.Signature = append([]byte{}, sig.Signature...)
			sig.Signature[r.at.Intn(len(sig.Signature))] ^= 1 << r.at.Intn(8)
		}
	case 7:
		sig.BlockIDFlag = types.BlockIDFlag(1 + r.at.Intn(3))
	default:
		if len(sig.ValidatorAddress) > 0 {
			sig.ValidatorAddress = randomBytes(r.at, 20)
		}
	}
}

func (r *recorder) alterEvidence(list types.EvidenceList) types.EvidenceList {
	fresh := r.freshEvidence()
	switch {
	case len(list) > 0 && r.at.Intn(3) == 0:
		return list[1:]
	case len(list) > 0 && r.at.Intn(3) == 0:
		return append(list, list[0])
	case fresh == nil:
		return list
	}
	switch r.at.Intn(8) {
	case 0:
		fresh.TotalVotingPower++
	case 1:
		fresh.ValidatorPower++
	case 2:
		fresh.Timestamp = fresh.Timestamp.Add(1)
	case 3:
		fresh.VoteA.Round++
	case 4:
		fresh.VoteA, fresh.VoteB = fresh.VoteB, fresh.VoteA
	case 5:
		fresh.VoteB.Signature[r.at.Intn(len(fresh.VoteB.Signature))] ^= 1
	}
	return append(list, fresh)
}

// freshEvidence is of a recent height, now and then of the block itself; nil if there is none.
func (r *recorder) freshEvidence() *types.DuplicateVoteEvidence {
	height := r.height - r.at.Int63n(8)
	set, err := r.states.LoadValidators(height)
	if err != nil {
		return nil
	}
	when := r.state.LastBlockTime
	if meta := r.blocks.LoadBlockMeta(height); meta != nil {
		when = meta.Header.Time
	}
	ev, err := r.contradiction(height, when, set)
	if err != nil {
		return nil
	}
	duplicate, _ := ev.(*types.DuplicateVoteEvidence)
	return duplicate
}
