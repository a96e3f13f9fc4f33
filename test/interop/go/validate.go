// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cometbft/cometbft/libs/log"
	mempl "github.com/cometbft/cometbft/mempool"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// validate says of each block in `set` (a name, and its bytes in hex) why it may not follow the last one; of those that
// may, nothing.  Evidence is not looked at beyond what the block itself tells.
func validate(r *shared.Request) (reply shared.Reply, err error) {
	chain, err := shared.LoadChain(r.Home)
	if err != nil {
		return nil, err
	}
	s, err := openStores(r.Home, chain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	state, err := s.states.Load()
	if err != nil {
		return nil, err
	}
	exec := sm.NewBlockExecutor(s.states, log.NewNopLogger(), nil, &mempl.NopMempool{}, sm.EmptyEvidencePool{}, s.blocks)
	refused := map[string]string{}
	for name, text := range r.Set {
		encoded, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		if why := refusal(exec, state, encoded); why != "" {
			refused[name] = why
		}
	}
	return shared.Reply{"refused": refused}, nil
}

func refusal(exec *sm.BlockExecutor, state sm.State, encoded []byte) (why string) {
	defer func() {
		if p := recover(); p != nil {
			why = fmt.Sprint("panic: ", p)
		}
	}()
	message := new(protoBlock)
	if err := message.Unmarshal(encoded); err != nil {
		return err.Error()
	}
	block, err := types.BlockFromProto(message)
	if err != nil {
		return err.Error()
	}
	if err := exec.ValidateBlock(state, block); err != nil {
		return err.Error()
	}
	return ""
}
