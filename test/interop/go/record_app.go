// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	mempl "github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/types"
)

// recordedApp answers at random and writes down what it was told and what it answered.
type recordedApp struct {
	abci.BaseApplication
	*recorder
}

func (a *recordedApp) Info(context.Context, *infoRequest) (*infoResponse, error) {
	a.out.text('S', "%d", a.version)
	return &infoResponse{AppVersion: a.version}, nil
}

func (a *recordedApp) InitChain(_ context.Context, r *initChainRequest) (*initChainResponse, error) {
	text := &strings.Builder{}
	params, err := r.ConsensusParams.Marshal()
	fmt.Fprintf(text, "genesis %d.%09d %s %d\nparams %x\nstate %s\n", r.Time.Unix(), r.Time.Nanosecond(), r.ChainId,
		r.InitialHeight, params, r.AppStateBytes)
	if err != nil {
		return nil, err
	}
	validators, err := types.PB2TM.ValidatorUpdates(r.Validators)
	if err != nil {
		return nil, err
	}
	for _, v := range validators {
		fmt.Fprintf(text, "validator %s %x %d\n", v.PubKey.Type(), v.PubKey.Bytes(), v.VotingPower)
	}
	a.out.text('t', "%s", text)
	res := a.initAnswer()
	if res.ConsensusParams != nil {
		a.out.message('p', res.ConsensusParams)
	}
	for i := range res.Validators {
		a.out.message('v', &res.Validators[i])
	}
	if len(res.AppHash) > 0 {
		a.out.put('a', res.AppHash)
	}
	return res, nil
}

// told says in lines what of a block the application sees.
func told(what string, hash []byte, height int64, when time.Time, next, proposer []byte, txs int) *strings.Builder {
	text := &strings.Builder{}
	fmt.Fprintf(text, "%s %d %d.%09d hash %x next %x proposer %x txs %d\n", what, height, when.Unix(), when.Nanosecond(),
		hash, next, proposer, txs)
	return text
}

func tellCommit(text *strings.Builder, commit abci.CommitInfo) {
	fmt.Fprintf(text, "round %d\n", commit.Round)
	for _, v := range commit.Votes {
		fmt.Fprintf(text, "vote %x %d %d\n", v.Validator.Address, v.Validator.Power, v.BlockIdFlag)
	}
}

func tellMisbehavior(text *strings.Builder, list []abci.Misbehavior) {
	for _, m := range list {
		fmt.Fprintf(text, "misbehavior %d %x %d %d %d.%09d %d\n", m.Type, m.Validator.Address, m.Validator.Power, m.Height,
			m.Time.Unix(), m.Time.Nanosecond(), m.TotalVotingPower)
	}
}

// PrepareProposal: with PBTS the time is that of the clock, hence not told.
func (a *recordedApp) PrepareProposal(_ context.Context, r *prepareRequest) (*prepareResponse, error) {
	text := told("prepare", nil, r.Height, time.Unix(0, 0), r.NextValidatorsHash, r.ProposerAddress, len(r.Txs))
	fmt.Fprintf(text, "bytes %d\nround %d\n", r.MaxTxBytes, r.LocalLastCommit.Round)
	for _, v := range r.LocalLastCommit.Votes {
		fmt.Fprintf(text, "vote %x %d %d %x %x\n", v.Validator.Address, v.Validator.Power, v.BlockIdFlag, v.VoteExtension,
			v.ExtensionSignature)
	}
	tellMisbehavior(text, r.Misbehavior)
	a.out.text('t', "%s", text)
	// Some dropped, some in another order, one of its own.
	chosen, size := [][]byte{}, int64(0)
	txs := append([][]byte{}, r.Txs...)
	if a.at.Intn(3) == 0 {
		a.at.Shuffle(len(txs), func(i, j int) { txs[i], txs[j] = txs[j], txs[i] })
	}
	if a.at.Intn(4) == 0 {
		txs = append(txs, []byte("of the application"))
	}
	for _, tx := range txs {
		cost := types.ComputeProtoSizeForTxs([]types.Tx{tx})
		if a.at.Intn(8) > 0 && size+cost <= r.MaxTxBytes {
			chosen, size = append(chosen, tx), size+cost
			a.out.put('T', tx)
		}
	}
	return &prepareResponse{Txs: chosen}, nil
}

func (a *recordedApp) ProcessProposal(_ context.Context, r *processRequest) (*processResponse, error) {
	text := told("process", r.Hash, r.Height, r.Time, r.NextValidatorsHash, r.ProposerAddress, len(r.Txs))
	tellCommit(text, r.ProposedLastCommit)
	tellMisbehavior(text, r.Misbehavior)
	a.out.text('t', "%s", text)
	res := &processResponse{Status: accept}
	if a.at.Intn(6) == 0 {
		res.Status = reject
	}
	return res, nil
}

func (a *recordedApp) FinalizeBlock(_ context.Context, r *finalizeBlockRequest) (*finalizeBlockResponse, error) {
	text := told("finalize", r.Hash, r.Height, r.Time, r.NextValidatorsHash, r.ProposerAddress, len(r.Txs))
	fmt.Fprintf(text, "to %d\n", syncingTo(r))
	tellCommit(text, r.DecidedLastCommit)
	tellMisbehavior(text, r.Misbehavior)
	a.out.text('t', "%s", text)
	hash := sha256.New()
	hash.Write(a.state.AppHash)
	if err := binary.Write(hash, binary.BigEndian, r.Height); err != nil {
		return nil, err
	}
	res := &finalizeBlockResponse{}
	for i, tx := range r.Txs {
		hash.Write(tx)
		res.TxResults = append(res.TxResults, result(r.Height, i, tx))
	}
	res.AppHash = hash.Sum(nil)[:a.hashSize]
	for range a.at.Intn(3) {
		res.Events = append(res.Events, abci.Event{Type: "block", Attributes: []abci.EventAttribute{
			{Key: "k", Value: fmt.Sprint(a.at.Intn(1000)), Index: a.at.Intn(2) == 0}}})
	}
	if err := a.changes(r.Height, res); err != nil {
		return nil, err
	}
	if a.fails {
		if err := a.spoil(res); err != nil {
			return nil, err
		}
	}
	a.out.message('r', res)
	return res, nil
}

func (a *recordedApp) Commit(context.Context, *commitRequest) (*commitResponse, error) {
	retain := a.retainHeight()
	a.out.text('k', "%d", retain)
	a.retains = retain > 0
	return &commitResponse{RetainHeight: retain}, nil
}

// recordedPool is a mempool that always has something.
type recordedPool struct {
	mempl.NopMempool
	*recorder
}

func (p *recordedPool) ReapMaxBytesMaxGas(maxBytes, maxGas int64) types.Txs {
	p.out.text('R', "%d %d", maxBytes, maxGas)
	txs := types.Txs{}
	for _, tx := range p.txs() {
		if maxBytes >= 0 && types.ComputeProtoSizeForTxs(append(txs, tx)) > maxBytes {
			break
		}
		txs = append(txs, tx)
		p.out.put('m', tx)
	}
	return txs
}

func (r *recorder) txs() []types.Tx {
	txs := types.ToTxs(r.chain.ChoicesAt(r.height).Txs())
	if r.large > 0 && r.at.Intn(r.large) == 0 { // some parts more, now and then more than a batch takes
		txs = append(txs, randomBytes(r.at, []int{70_000, 200_000, 800_000}[r.at.Intn(3)]))
	}
	return txs
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	rng.Read(b)
	return b
}

// recordedEvidence is CometBFT's own pool.
type recordedEvidence struct {
	evidencePool
	*recorder
}

func (p *recordedEvidence) PendingEvidence(maxBytes int64) ([]types.Evidence, int64) {
	p.out.text('E', "%d", maxBytes)
	list, size := p.evidencePool.PendingEvidence(maxBytes)
	for _, ev := range list {
		m, err := types.EvidenceToProto(ev)
		if err != nil {
			panic(err)
		}
		p.out.message('e', m)
	}
	return list, size
}
