// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "unsafe" // for go:linkname

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/internal/consensus"
	"github.com/cometbft/cometbft/internal/evidence"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
	gogotypes "github.com/cosmos/gogoproto/types"
)

// What `record` needs of the 1.0 line.

type (
	infoRequest     = abci.InfoRequest
	infoResponse    = abci.InfoResponse
	prepareRequest  = abci.PrepareProposalRequest
	prepareResponse = abci.PrepareProposalResponse
	processRequest  = abci.ProcessProposalRequest
	processResponse = abci.ProcessProposalResponse
	evidencePool    = *evidence.Pool
)

const (
	// A block of so many bytes holds a commit of all keys of a chain, evidence and little else.
	tightBlock  = 8_000
	release     = "1.0"
	accept      = abci.PROCESS_PROPOSAL_STATUS_ACCEPT
	reject      = abci.PROCESS_PROPOSAL_STATUS_REJECT
	prevoteType = cmtproto.PrevoteType
)

func newEvidencePool(s *stores) (*evidence.Pool, error) {
	return evidence.NewPool(dbm.NewMemDB(), s.states, s.blocks)
}

// firstState does what a node does with its genesis file before the handshake.
func firstState(s *stores, genesis, layout string) (sm.State, *types.GenesisDoc, error) {
	config := cfg.DefaultConfig()
	config.Genesis = genesis
	config.Storage.ExperimentalKeyLayout = layout
	return node.LoadStateFromDBOrGenesisDocProviderWithConfig(
		s.stateDB, node.DefaultGenesisDocProviderFunc(config), "", config)
}

func handshake(s *stores, state sm.State, doc *types.GenesisDoc, conns proxy.AppConns) error {
	return consensus.NewHandshaker(s.states, state, s.blocks, doc).Handshake(context.Background(), conns)
}

// pruning is the part of a node that prunes.  In a node it is a service of its own that wakes up every ten seconds;
// here it is run by hand.
type pruning struct {
	pruner *sm.Pruner
	last   int64
}

func newPruning(s *stores, companion bool) (*pruning, error) {
	if err := s.states.SaveApplicationRetainHeight(0); err != nil {
		return nil, err
	}
	if !companion {
		return &pruning{pruner: sm.NewPruner(s.states, s.blocks, nil, nil, log.NewNopLogger())}, nil
	}
	if err := s.states.SaveCompanionBlockRetainHeight(0); err != nil {
		return nil, err
	}
	if err := s.states.SaveABCIResRetainHeight(0); err != nil {
		return nil, err
	}
	return &pruning{pruner: sm.NewPruner(s.states, s.blocks, nil, nil, log.NewNopLogger(),
		sm.WithPrunerCompanionEnabled())}, nil
}

func (p *pruning) setCompanion(height int64) error {
	return p.pruner.SetCompanionBlockRetainHeight(height)
}

//go:linkname pruneBlocksToRetainHeight github.com/cometbft/cometbft/state.(*Pruner).pruneBlocksToRetainHeight
func pruneBlocksToRetainHeight(p *sm.Pruner, last int64) int64

func (p *pruning) run() { p.last = pruneBlocksToRetainHeight(p.pruner, p.last) }

func newExecutor(s *stores, conns proxy.AppConns, pool mempl.Mempool, ev sm.EvidencePool, p *pruning) *sm.BlockExecutor {
	return sm.NewBlockExecutor(s.states, log.NewNopLogger(), conns.Consensus(), pool, ev, s.blocks,
		sm.BlockExecutorWithPruner(p.pruner))
}

// enableFrom asks for features from a height on; 0: as they are.
func enableFrom(update *paramUpdate, extensions, pbts int64) {
	if extensions == 0 && pbts == 0 {
		return
	}
	update.Feature = &cmtproto.FeatureParams{}
	if extensions != 0 {
		update.Feature.VoteExtensionsEnableHeight = &gogotypes.Int64Value{Value: extensions}
	}
	if pbts != 0 {
		update.Feature.PbtsEnableHeight = &gogotypes.Int64Value{Value: pbts}
	}
}

func extensionsFrom(p *types.ConsensusParams) int64 { return p.Feature.VoteExtensionsEnableHeight }

func pbtsFrom(p *types.ConsensusParams) int64 { return p.Feature.PbtsEnableHeight }

func enablePbts(p *types.ConsensusParams, height int64) { p.Feature.PbtsEnableHeight = height }

func setAuthority(*types.ConsensusParams, string) {}

func changeAuthority(*paramUpdate, string) {}

func syncingTo(r *finalizeBlockRequest) int64 { return r.SyncingToHeight }
