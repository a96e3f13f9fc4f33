// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"

	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// audit reads a home that somebody else wrote, as CometBFT, and checks every height against what stands around it:
// blocks and their parts, commits and who signed them, sets, parameters, results.
func audit(r *shared.Request, s *stores) (shared.Reply, error) {
	state, err := s.states.Load()
	if err != nil {
		return nil, err
	}
	a := &auditor{stores: s, state: state}
	base, height := s.blocks.Base(), s.blocks.Height()
	if height != state.LastBlockHeight {
		return nil, fmt.Errorf("the blocks end at %d, the state at %d", height, state.LastBlockHeight)
	}
	for h := base; h <= height; h++ {
		if err := a.height(h); err != nil {
			return nil, fmt.Errorf("height %d: %w", h, err)
		}
	}
	return shared.Reply{"base": base, "height": height, "commits": a.commits, "extended": a.extended}, nil
}

type auditor struct {
	*stores
	state             sm.State
	commits, extended int
}

func (a *auditor) height(h int64) error {
	block, meta := loadBlock(a.blocks, h), a.blocks.LoadBlockMeta(h)
	if block == nil || meta == nil {
		return errors.New("no block")
	}
	if err := block.ValidateBasic(); err != nil {
		return err
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	if !meta.BlockID.Equals(id) || meta.BlockSize != block.Size() || meta.NumTxs != len(block.Txs) {
		return errors.New("the meta is of another block")
	}
	if found := loadBlockByHash(a.blocks, id.Hash); found == nil || found.Height != h {
		return errors.New("the block is not found by its hash")
	}
	return errors.Join(a.sets(h, &block.Header), a.signed(h, id), a.results(h, block))
}

func (a *auditor) sets(h int64, header *types.Header) error {
	set, err := a.states.LoadValidators(h)
	if err != nil {
		return err
	}
	next, err := a.states.LoadValidators(h + 1)
	if err != nil {
		return err
	}
	params, err := a.states.LoadConsensusParams(h)
	if err != nil {
		return err
	}
	if !bytes.Equal(set.Hash(), header.ValidatorsHash) || !bytes.Equal(next.Hash(), header.NextValidatorsHash) {
		return errors.New("other validators")
	}
	if !bytes.Equal(params.Hash(), header.ConsensusHash) {
		return errors.New("other parameters")
	}
	return nil
}

// signed: by more than two thirds, in each commit that is there.
func (a *auditor) signed(h int64, id types.BlockID) error {
	set, err := a.states.LoadValidators(h)
	if err != nil {
		return err
	}
	params, err := a.states.LoadConsensusParams(h)
	if err != nil {
		return err
	}
	commits := []*types.Commit{a.blocks.LoadSeenCommit(h)}
	if h < a.blocks.Height() {
		commits = append(commits, a.blocks.LoadBlockCommit(h))
	}
	if from := extensionsFrom(&params); from > 0 && from <= h {
		extended := a.blocks.LoadBlockExtendedCommit(h)
		if extended == nil {
			return errors.New("no extended commit")
		}
		if err := extended.EnsureExtensions(true); err != nil {
			return err
		}
		commits = append(commits, extended.ToCommit())
		a.extended++
	}
	for i, commit := range commits {
		if commit == nil {
			return fmt.Errorf("commit %d of %d is missing", i, len(commits))
		}
		if err := set.VerifyCommit(a.state.ChainID, id, h, commit); err != nil {
			return err
		}
		a.commits++
	}
	return nil
}

// results: as the next block, or the state, says.
func (a *auditor) results(h int64, block *types.Block) error {
	resultsHash, appHash := a.state.LastResultsHash, a.state.AppHash
	if h < a.blocks.Height() {
		next := a.blocks.LoadBlockMeta(h + 1)
		resultsHash, appHash = next.Header.LastResultsHash, next.Header.AppHash
	}
	if a.chain.Discard || len(appHash) == 0 { // without an app hash CometBFT takes them for those of 0.37
		return nil
	}
	res, err := a.states.LoadFinalizeBlockResponse(h)
	if err != nil {
		return err
	}
	if len(res.TxResults) != len(block.Txs) || !bytes.Equal(sm.TxResultsHash(res.TxResults), resultsHash) ||
		!bytes.Equal(res.AppHash, appHash) {
		return errors.New("other results")
	}
	return nil
}
