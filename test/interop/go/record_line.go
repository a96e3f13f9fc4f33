// SPDX-License-Identifier: Apache-2.0

package main

import (
	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/evidence"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// What `record` needs of the 0.38 line, and of 0.40, which links to this file.

type (
	infoRequest     = abci.RequestInfo
	infoResponse    = abci.ResponseInfo
	prepareRequest  = abci.RequestPrepareProposal
	prepareResponse = abci.ResponsePrepareProposal
	processRequest  = abci.RequestProcessProposal
	processResponse = abci.ResponseProcessProposal
	evidencePool    = *evidence.Pool
)

const (
	// A block of so many bytes holds a commit of all keys of a chain, evidence and little else; its commits are taken for large: ML-DSA.
	tightBlock  = 50_000
	accept      = abci.ResponseProcessProposal_ACCEPT
	reject      = abci.ResponseProcessProposal_REJECT
	prevoteType = cmtproto.PrevoteType
)

func newEvidencePool(s *stores) (*evidence.Pool, error) {
	return evidence.NewPool(dbm.NewMemDB(), s.states, s.blocks)
}

// firstState does what a node does with its genesis file before the handshake.
func firstState(s *stores, genesis, _ string) (sm.State, *types.GenesisDoc, error) {
	return node.LoadStateFromDBOrGenesisDocProvider(s.stateDB, func() (*types.GenesisDoc, error) {
		return types.GenesisDocFromFile(genesis)
	})
}

func handshake(s *stores, state sm.State, doc *types.GenesisDoc, conns proxy.AppConns) error {
	return consensus.NewHandshaker(s.states, state, s.blocks, doc).Handshake(conns)
}

// pruning is the part of a node that prunes; in this line the block executor does it.
type pruning struct{}

func newPruning(*stores, bool) (*pruning, error) { return &pruning{}, nil }

func (*pruning) setCompanion(int64) error { return nil }

func (*pruning) run() {}

func newExecutor(s *stores, conns proxy.AppConns, pool mempl.Mempool, ev sm.EvidencePool, _ *pruning) *sm.BlockExecutor {
	return sm.NewBlockExecutor(s.states, log.NewNopLogger(), conns.Consensus(), pool, ev, s.blocks)
}

// enableFrom asks for features from a height on; 0: as they are.
func enableFrom(update *paramUpdate, extensions, _ int64) {
	if extensions != 0 {
		update.Abci = &cmtproto.ABCIParams{VoteExtensionsEnableHeight: extensions}
	}
}

func extensionsFrom(p *types.ConsensusParams) int64 { return p.ABCI.VoteExtensionsEnableHeight }

func pbtsFrom(*types.ConsensusParams) int64 { return 0 }

func enablePbts(*types.ConsensusParams, int64) {}

func syncingTo(r *finalizeBlockRequest) int64 { return r.Height }
