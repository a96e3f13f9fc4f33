// SPDX-License-Identifier: Apache-2.0

package main

import (
	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto"
	cryptoenc "github.com/cometbft/cometbft/crypto/encoding"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// The 0.38 line.

type (
	initChainRequest      = abci.RequestInitChain
	initChainResponse     = abci.ResponseInitChain
	finalizeBlockRequest  = abci.RequestFinalizeBlock
	finalizeBlockResponse = abci.ResponseFinalizeBlock
	commitRequest         = abci.RequestCommit
	commitResponse        = abci.ResponseCommit
	paramUpdate           = cmtproto.ConsensusParams
	protoBlock            = cmtproto.Block
)

const precommitType = cmtproto.PrecommitType

func newBlockStore(db dbm.DB, chain shared.Chain) *store.BlockStore { return store.NewBlockStore(db) }

func newStateStore(db dbm.DB, chain shared.Chain) sm.Store {
	return sm.NewStore(db, sm.StoreOptions{DiscardABCIResponses: chain.Discard})
}

func pruneStates(s sm.Store, from, to, evidenceHeight int64) error {
	return s.PruneStates(from, to, evidenceHeight)
}

func enableExtensions(p *types.ConsensusParams, height int64) {
	p.ABCI.VoteExtensionsEnableHeight = height
}

func newValidatorUpdate(key crypto.PubKey, power int64) (abci.ValidatorUpdate, error) {
	pub, err := cryptoenc.PubKeyToProto(key)
	return abci.ValidatorUpdate{PubKey: pub, Power: power}, err
}

func makeBlock(s *sm.State, height int64, txs []types.Tx, last *types.Commit, evidence []types.Evidence,
	proposer []byte) (*types.Block, error) {
	return s.MakeBlock(height, txs, last, evidence, proposer)
}

func applyBlock(exec *sm.BlockExecutor, s sm.State, id types.BlockID, block *types.Block) (sm.State, error) {
	return exec.ApplyBlock(s, id, block)
}

func loadBlock(s *store.BlockStore, height int64) *types.Block { return s.LoadBlock(height) }

func loadBlockByHash(s *store.BlockStore, hash []byte) *types.Block { return s.LoadBlockByHash(hash) }
