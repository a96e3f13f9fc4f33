// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cryptoenc "github.com/cometbft/cometbft/crypto/encoding"
)

// app is an application whose results have the shapes and sizes that the data sets ask for.  All it
// does follows from the options and the height.
type app struct {
	abci.BaseApplication
	options *genOptions
	hash    []byte
	keys    []ed25519.PrivKey // all that may ever be validators
	active  map[string]bool   // by address
	rng     *rand.Rand
}

func (a *app) InitChain(context.Context, *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	return &abci.ResponseInitChain{}, nil
}

func (a *app) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	return &abci.ResponseCommit{}, nil
}

func (a *app) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	hash := sha256.New()
	hash.Write(a.hash)
	hash.Write(binary.BigEndian.AppendUint64(nil, uint64(r.Height)))
	response := &abci.ResponseFinalizeBlock{}
	for i, tx := range r.Txs {
		hash.Write(tx)
		response.TxResults = append(response.TxResults, txResult(r.Height, i, tx))
	}
	if r.Height%5 == 0 {
		response.Events = []abci.Event{{Type: "block", Attributes: []abci.EventAttribute{{Key: "k", Value: "v"}}}}
	}
	if a.options.abciBytes > 0 {
		a.addEvents(r.Height, response)
	}
	if a.options.valEvery > 0 && r.Height%a.options.valEvery == 0 {
		update, err := a.validatorUpdate()
		if err != nil {
			return nil, err
		}
		response.ValidatorUpdates = []abci.ValidatorUpdate{update}
	}
	a.hash = hash.Sum(nil)
	response.AppHash = a.hash
	return response, nil
}

func txResult(height int64, i int, tx []byte) *abci.ExecTxResult {
	result := &abci.ExecTxResult{
		Code: uint32(i % 3), GasWanted: int64(len(tx)), GasUsed: int64(len(tx) / 2), Log: fmt.Sprintf("tx %d", i),
	}
	if i%2 == 0 {
		result.Data = tx[:min(8, len(tx))]
		result.Events = []abci.Event{{Type: "transfer", Attributes: []abci.EventAttribute{
			{Key: "i", Value: fmt.Sprint(i), Index: true},
			{Key: "height", Value: fmt.Sprint(height)},
		}}}
	}
	if i%3 != 0 {
		result.Codespace, result.Info = "app", "refused"
	}
	return result
}

// eventBytes is about what one event of transferEvent takes in a stored response.
const eventBytes = 190

// transferEvent looks like those of a chain with many bank messages: fixed words, hexadecimal
// addresses, amounts.  It compresses about as well.
func transferEvent(rng *rand.Rand) abci.Event {
	b := make([]byte, 40)
	rng.Read(b)
	return abci.Event{Type: "transfer", Attributes: []abci.EventAttribute{
		{Key: "sender", Value: fmt.Sprintf("cosmos1%x", b[:19]), Index: true},
		{Key: "recipient", Value: fmt.Sprintf("cosmos1%x", b[20:39]), Index: true},
		{Key: "amount", Value: fmt.Sprintf("%duatom", rng.Intn(1000000000)), Index: true},
		{Key: "msg_index", Value: fmt.Sprint(rng.Intn(20)), Index: true},
	}}
}

// addEvents spreads events over the results of the transactions; a block without any gets an eighth.
func (a *app) addEvents(height int64, response *abci.ResponseFinalizeBlock) {
	rng := rand.New(rand.NewSource(a.options.seed*1000003 + height))
	want := a.options.abciBytes/2 + rng.Intn(a.options.abciBytes)
	results := response.TxResults
	if len(results) == 0 {
		want /= 8
	}
	for done := 0; done < want; done += eventBytes {
		event := transferEvent(rng)
		if len(results) == 0 {
			response.Events = append(response.Events, event)
			continue
		}
		result := results[done/eventBytes%len(results)]
		result.Events = append(result.Events, event)
	}
}

// validatorUpdate gives one key a new power, or takes its power away unless -keepvals.
func (a *app) validatorUpdate() (abci.ValidatorUpdate, error) {
	key := a.keys[a.rng.Intn(len(a.keys))].PubKey()
	address := key.Address().String()
	power := int64(0)
	if len(a.active) < 3 || !a.active[address] || a.rng.Intn(3) > 0 || a.options.keepVals {
		power = int64(1 + a.rng.Intn(1000))
	}
	if power > 0 {
		a.active[address] = true
	} else {
		delete(a.active, address)
	}
	proto, err := cryptoenc.PubKeyToProto(key)
	return abci.ValidatorUpdate{PubKey: proto, Power: power}, err
}
