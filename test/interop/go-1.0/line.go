// SPDX-License-Identifier: Apache-2.0

package main

import (
	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/api/cometbft/types/v1"
	"github.com/cometbft/cometbft/crypto"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// The 1.0 line: the state store encodes validators in another way, both databases
// hold a `version` key, and extended commits are never pruned.

type (
	initChainRequest      = abci.InitChainRequest
	initChainResponse     = abci.InitChainResponse
	finalizeBlockRequest  = abci.FinalizeBlockRequest
	finalizeBlockResponse = abci.FinalizeBlockResponse
	commitRequest         = abci.CommitRequest
	commitResponse        = abci.CommitResponse
	paramUpdate           = cmtproto.ConsensusParams
	protoBlock            = cmtproto.Block
)

const precommitType = cmtproto.PrecommitType

func newBlockStore(db dbm.DB, chain shared.Chain) *store.BlockStore {
	return store.NewBlockStore(db, store.WithDBKeyLayout(chain.Layout))
}

func newStateStore(db dbm.DB, chain shared.Chain) sm.Store {
	return sm.NewStore(db, sm.StoreOptions{DiscardABCIResponses: chain.Discard, DBKeyLayout: chain.Layout})
}

func pruneStates(s sm.Store, from, to, evidenceHeight int64) error {
	_, err := s.PruneStates(from, to, evidenceHeight, 0)
	return err
}

func enableExtensions(p *types.ConsensusParams, height int64) {
	p.Feature.VoteExtensionsEnableHeight = height
}

func newValidatorUpdate(key crypto.PubKey, power int64) (abci.ValidatorUpdate, error) {
	return abci.ValidatorUpdate{PubKeyType: key.Type(), PubKeyBytes: key.Bytes(), Power: power}, nil
}

func makeBlock(s *sm.State, height int64, txs []types.Tx, last *types.Commit, evidence []types.Evidence,
	proposer []byte) (*types.Block, error) {
	return s.MakeBlock(height, txs, last, evidence, proposer), nil
}

func applyBlock(exec *sm.BlockExecutor, s sm.State, id types.BlockID, block *types.Block) (sm.State, error) {
	return exec.ApplyBlock(s, id, block, block.Height)
}

func loadBlock(s *store.BlockStore, height int64) *types.Block {
	block, _ := s.LoadBlock(height)
	return block
}

func loadBlockByHash(s *store.BlockStore, hash []byte) *types.Block {
	block, _ := s.LoadBlockByHash(hash)
	return block
}
