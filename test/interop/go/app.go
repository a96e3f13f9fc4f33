// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	sm "github.com/cometbft/cometbft/state"

	"cmtoracle/shared"
)

// app is an application without a state of its own: all it answers follows from the chain's options,
// the height and what CometBFT knows.
type app struct {
	abci.BaseApplication
	chain *shared.Chain
	keys  []ed25519.PrivKey
	state sm.State // before the block that is being executed
}

func (a *app) InitChain(context.Context, *initChainRequest) (*initChainResponse, error) {
	return &initChainResponse{}, nil
}

func (a *app) FinalizeBlock(_ context.Context, r *finalizeBlockRequest) (*finalizeBlockResponse, error) {
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
	res.AppHash = hash.Sum(nil)
	if shared.Due(r.Height, 5) {
		res.Events = []abci.Event{{Type: "block", Attributes: []abci.EventAttribute{{Key: "k", Value: "v"}}}}
	}
	if shared.Due(r.Height, a.chain.ValidatorStep) {
		update, err := a.validatorUpdate(r.Height)
		if err != nil {
			return nil, err
		}
		res.ValidatorUpdates = []abci.ValidatorUpdate{update}
	}
	if shared.Due(r.Height, a.chain.ParamStep) {
		block := *a.state.ConsensusParams.ToProto().Block
		block.MaxBytes += r.Height
		res.ConsensusParamUpdates = &paramUpdate{Block: &block}
	}
	return res, nil
}

// result gives fields of every kind, so that no encoding goes untried.
func result(height int64, i int, tx []byte) *abci.ExecTxResult {
	res := &abci.ExecTxResult{
		Code: uint32(i % 3), GasWanted: int64(len(tx)), GasUsed: int64(len(tx) / 2), Log: fmt.Sprintf("tx %d", i),
	}
	if i%2 == 0 {
		res.Data = tx[:min(8, len(tx))]
		res.Events = []abci.Event{{Type: "transfer", Attributes: []abci.EventAttribute{
			{Key: "i", Value: fmt.Sprint(i), Index: true}, {Key: "height", Value: fmt.Sprint(height)},
		}}}
	}
	if i%3 != 0 {
		res.Codespace, res.Info = "app", "refused"
	}
	return res
}

func (a *app) validatorUpdate(height int64) (abci.ValidatorUpdate, error) {
	next := a.state.NextValidators
	power := func(key int) int64 {
		if _, v := next.GetByAddress(a.keys[key].PubKey().Address()); v != nil {
			return v.VotingPower
		}
		return 0
	}
	// Apart from the block's own choices, which were made before the block was executed.
	key, newPower := a.chain.ChoicesAt(-height).ValidatorUpdate(power, next.Size())
	return newValidatorUpdate(a.keys[key].PubKey(), newPower)
}

func (a *app) Commit(context.Context, *commitRequest) (*commitResponse, error) {
	res := &commitResponse{}
	height := a.state.LastBlockHeight + 1
	if keep := a.chain.RetainBlocks; keep > 0 && height-keep+1 > a.chain.Initial {
		res.RetainHeight = height - keep + 1
	}
	return res, nil
}
