// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// maker writes a chain with CometBFT's block executor and stores.
type maker struct {
	*stores
	app    *app
	conns  proxy.AppConns
	exec   *sm.BlockExecutor
	state  sm.State
	signer map[string]crypto.PrivKey // by validator address
}

func newMaker(home string, chain shared.Chain) (*maker, error) {
	s, err := openStores(home, chain)
	if err != nil {
		return nil, err
	}
	m := &maker{stores: s, signer: map[string]crypto.PrivKey{}}
	m.app = &app{chain: &m.chain, keys: make([]ed25519.PrivKey, chain.KeyCount())}
	for i := range m.app.keys {
		m.app.keys[i] = ed25519.GenPrivKeyFromSecret(chain.KeySecret(i))
		m.signer[m.app.keys[i].PubKey().Address().String()] = m.app.keys[i]
	}
	m.conns = proxy.NewAppConns(proxy.NewLocalClientCreator(m.app), proxy.NopMetrics())
	if err := m.conns.Start(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	m.exec = sm.NewBlockExecutor(s.states, log.NewNopLogger(), m.conns.Consensus(), &mempl.NopMempool{},
		sm.EmptyEvidencePool{}, s.blocks)
	return m, nil
}

func (m *maker) close() error { return errors.Join(m.conns.Stop(), m.stores.close()) }

// gen starts a chain and makes its first heights.
func gen(r *shared.Request) (reply shared.Reply, err error) {
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(r.Home, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := shared.SaveChain(r.Home, r.Chain); err != nil {
		return nil, err
	}
	m, err := newMaker(r.Home, r.Chain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	doc := m.genesis()
	if err := errors.Join(doc.ValidateAndComplete(), doc.SaveAs(filepath.Join(r.Home, "config", "genesis.json"))); err != nil {
		return nil, err
	}
	if m.state, err = sm.MakeGenesisState(doc); err != nil {
		return nil, err
	}
	if err := m.states.Save(m.state); err != nil {
		return nil, err
	}
	return m.extend(r.Heights, &types.ExtendedCommit{})
}

// extend goes on with a chain where its stores end.
func extend(r *shared.Request) (reply shared.Reply, err error) {
	chain, err := shared.LoadChain(r.Home)
	if err != nil {
		return nil, err
	}
	m, err := newMaker(r.Home, chain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if m.state, err = m.states.Load(); err != nil {
		return nil, err
	}
	last := m.state.LastBlockHeight
	if last != m.blocks.Height() {
		return nil, fmt.Errorf("state at %d, blocks at %d", last, m.blocks.Height())
	}
	if m.extended(last) {
		return m.extend(r.Heights, m.blocks.LoadBlockExtendedCommit(last))
	}
	return m.extend(r.Heights, m.blocks.LoadSeenCommit(last).WrappedExtendedCommit())
}

func (m *maker) genesis() *types.GenesisDoc {
	keys := []crypto.PrivKey{}
	for _, key := range m.app.keys[:m.chain.Validators] {
		keys = append(keys, key)
	}
	return m.genesisOf(keys)
}

func (m *maker) genesisOf(keys []crypto.PrivKey) *types.GenesisDoc {
	params := types.DefaultConsensusParams()
	params.Evidence.MaxAgeNumBlocks = m.chain.EvidenceAge
	params.Evidence.MaxAgeDuration = m.chain.BlockTime * time.Duration(m.chain.EvidenceAge)
	enableExtensions(params, m.chain.ExtensionFrom)
	doc := &types.GenesisDoc{
		GenesisTime: shared.Start, ChainID: m.chain.ID, InitialHeight: m.chain.Initial,
		ConsensusParams: params, AppHash: []byte{},
	}
	for i, key := range keys {
		doc.Validators = append(doc.Validators, types.GenesisValidator{
			PubKey: key.PubKey(), Power: int64(10 + i*7), Name: fmt.Sprintf("v%d", i),
		})
	}
	return doc
}

func (m *maker) extended(height int64) bool {
	return m.chain.ExtensionFrom > 0 && height >= m.chain.ExtensionFrom
}

func (m *maker) extend(heights int64, last *types.ExtendedCommit) (shared.Reply, error) {
	for range heights {
		next, err := m.block(last)
		if err != nil {
			return nil, err
		}
		last = next
	}
	return shared.Reply{"base": m.blocks.Base(), "height": m.blocks.Height()}, nil
}

// block makes, signs, saves and executes the next block.
func (m *maker) block(last *types.ExtendedCommit) (*types.ExtendedCommit, error) {
	height := m.state.LastBlockHeight + 1
	if m.state.LastBlockHeight == 0 {
		height = m.state.InitialHeight
	}
	choices := m.chain.ChoicesAt(height)
	var evidence []types.Evidence
	if height > m.chain.Initial+2 && shared.Due(height, m.chain.EvidenceStep) {
		ev, err := m.duplicateVote(height - 1)
		if err != nil {
			return nil, err
		}
		evidence = append(evidence, ev)
	}
	proposer := m.state.Validators.GetProposer().Address
	block, err := makeBlock(&m.state, height, types.ToTxs(choices.Txs()), last.ToCommit(), evidence, proposer)
	if err != nil {
		return nil, err
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return nil, err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	commit, err := m.commit(height, id, choices)
	if err != nil {
		return nil, err
	}
	if m.extended(height) {
		m.blocks.SaveBlockWithExtendedCommit(block, parts, commit)
	} else {
		m.blocks.SaveBlock(block, parts, commit.ToCommit())
	}
	m.app.state = m.state
	m.state, err = applyBlock(m.exec, m.state, id, block)
	return commit, err
}

func (m *maker) commit(height int64, id types.BlockID, choices *shared.Choices) (*types.ExtendedCommit, error) {
	validators := m.state.Validators.Validators
	powers := make([]int64, len(validators))
	for i, v := range validators {
		powers[i] = v.VotingPower
	}
	commit := &types.ExtendedCommit{Height: height, Round: choices.Round(), BlockID: id}
	for i, cast := range choices.Votes(powers) {
		if cast == shared.VoteAbsent {
			commit.ExtendedSignatures = append(commit.ExtendedSignatures, types.NewExtendedCommitSigAbsent())
			continue
		}
		vote := &types.Vote{
			Type: precommitType, Height: height, Round: commit.Round, BlockID: id, Timestamp: choices.VoteTime(),
			ValidatorAddress: validators[i].Address, ValidatorIndex: int32(i),
		}
		if cast == shared.VoteNil {
			vote.BlockID = types.BlockID{}
		} else if m.extended(height) {
			vote.Extension = make([]byte, choices.Intn(40))
			choices.Read(vote.Extension)
		}
		if err := m.sign(vote, cast == shared.VoteBlock && m.extended(height)); err != nil {
			return nil, err
		}
		commit.ExtendedSignatures = append(commit.ExtendedSignatures, vote.ExtendedCommitSig())
	}
	return commit, nil
}

func (m *maker) sign(vote *types.Vote, extension bool) (err error) {
	key := m.signer[vote.ValidatorAddress.String()]
	p := vote.ToProto()
	if vote.Signature, err = key.Sign(types.VoteSignBytes(m.chain.ID, p)); err != nil || !extension {
		return err
	}
	vote.ExtensionSignature, err = key.Sign(types.VoteExtensionSignBytes(m.chain.ID, p))
	return err
}

// duplicateVote is evidence against the first validator of a height that has passed.
func (m *maker) duplicateVote(height int64) (types.Evidence, error) {
	set := m.state.LastValidators
	votes := [2]*types.Vote{}
	for i := range votes {
		hash := sha256.Sum256([]byte(fmt.Sprint("another block ", i, height)))
		id := types.BlockID{Hash: hash[:], PartSetHeader: types.PartSetHeader{Total: 1, Hash: bytes.Clone(hash[:])}}
		votes[i] = &types.Vote{
			Type: precommitType, Height: height, BlockID: id,
			Timestamp: m.blocks.LoadBlockMeta(height).Header.Time, ValidatorAddress: set.Validators[0].Address,
		}
		if err := m.sign(votes[i], false); err != nil {
			return nil, err
		}
	}
	return types.NewDuplicateVoteEvidence(votes[0], votes[1], votes[0].Timestamp, set)
}
