// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// attack is evidence of another block of a height that has passed, signed by its validators to deceive a light client: in the
// same round, in another one, or, with a header that is none, from a set that is trusted since an earlier height.
func (r *recorder) attack() types.Evidence {
	if r.height < r.chain.Initial+4 {
		return nil
	}
	height := r.height - 2 - r.at.Int63n(2)
	meta, trusted := r.blocks.LoadBlockMeta(height), r.blocks.LoadBlockCommit(height)
	set, err := r.states.LoadValidators(height)
	if meta == nil || trusted == nil || err != nil {
		return nil
	}
	header, common, round := meta.Header, height, trusted.Round
	switch r.at.Intn(3) {
	case 0:
		header.DataHash = randomBytes(r.at, 32)
	case 1:
		header.DataHash = randomBytes(r.at, 32)
		round++
	case 2:
		header.AppHash = randomBytes(r.at, 32)
		common--
	}
	voters, err := r.states.LoadValidators(common)
	since := r.blocks.LoadBlockMeta(common)
	if err != nil || since == nil {
		return nil
	}
	ev := &types.LightClientAttackEvidence{
		ConflictingBlock: &types.LightBlock{SignedHeader: &types.SignedHeader{Header: &header}, ValidatorSet: set},
		CommonHeight:     common, TotalVotingPower: voters.TotalVotingPower(), Timestamp: since.Header.Time,
	}
	if ev.ConflictingBlock.Commit, err = r.forge(&header, round, set); err != nil {
		return nil
	}
	ev.ByzantineValidators = ev.GetByzantineValidators(voters, &types.SignedHeader{Header: &meta.Header, Commit: trusted})
	return ev
}

// forge is a commit of all validators for a header.
func (r *recorder) forge(header *types.Header, round int32, set *types.ValidatorSet) (*types.Commit, error) {
	hash := randomBytes(r.at, 32)
	id := types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash}}
	commit := &types.Commit{Height: header.Height, Round: round, BlockID: id}
	for i, v := range set.Validators {
		vote := &types.Vote{Type: precommitType, Height: header.Height, Round: round, BlockID: id,
			Timestamp: shared.Start.Add(time.Duration(i)), ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		if err := r.sign(vote, false); err != nil {
			return nil, err
		}
		commit.Signatures = append(commit.Signatures, vote.CommitSig())
	}
	return commit, nil
}
