// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"cmtoracle/shared"
)

// load asks CometBFT for everything that a node may need: whole blocks and what belongs to them from
// base to height, and what verifies evidence that has not expired.
func load(r *shared.Request, s *stores) (shared.Reply, error) {
	state, err := s.states.Load()
	if err != nil {
		return nil, err
	}
	base, height := s.blocks.Base(), s.blocks.Height()
	for h := base; h <= height; h++ {
		if err := s.loadHeight(h, height); err != nil {
			return nil, err
		}
	}
	for h := base; h <= height+2; h++ {
		if _, err := s.states.LoadValidators(h); err != nil {
			return nil, err
		}
	}
	if _, err := s.states.LoadConsensusParams(height + 1); err != nil {
		return nil, err
	}
	evidence := state.ConsensusParams.Evidence
	window := 0
	for h := base - 1; h > 0; h-- {
		meta := s.blocks.LoadBlockMeta(h)
		if meta == nil {
			break
		}
		age := state.LastBlockTime.Sub(meta.Header.Time)
		if age > evidence.MaxAgeDuration && height-h > evidence.MaxAgeNumBlocks {
			break
		}
		if _, err := s.states.LoadValidators(h); err != nil {
			return nil, err
		}
		if s.blocks.LoadBlockCommit(h) == nil {
			return nil, fmt.Errorf("no commit for %d, which lies in the evidence window", h)
		}
		window++
	}
	return shared.Reply{"base": base, "height": height, "window": window}, nil
}

func (s *stores) loadHeight(h, height int64) error {
	block := loadBlock(s.blocks, h)
	if block == nil {
		return fmt.Errorf("no block %d", h)
	}
	if loadBlockByHash(s.blocks, block.Hash()) == nil {
		return fmt.Errorf("block %d is not found by its hash", h)
	}
	if h < height && s.blocks.LoadBlockCommit(h) == nil {
		return fmt.Errorf("no commit for block %d", h)
	}
	if s.blocks.LoadSeenCommit(h) == nil {
		return fmt.Errorf("no seen commit for block %d", h)
	}
	if _, err := s.states.LoadConsensusParams(h); err != nil {
		return err
	}
	if s.chain.Discard {
		return nil
	}
	_, err := s.states.LoadFinalizeBlockResponse(h)
	return err
}
