// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
)

// memoryApp answers what was recorded.
type memoryApp struct {
	abci.BaseApplication
	answers map[int64]*abci.ResponseFinalizeBlock
}

func (a *memoryApp) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	return a.answers[r.Height], nil
}

func (*memoryApp) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	return &abci.ResponseCommit{}, nil
}

// readAnswers reads what a home's application answered to each of the blocks.
func readAnswers(home string, list []readyBlock) (answers map[int64]*abci.ResponseFinalizeBlock, err error) {
	db, err := dbm.NewDB("state", engineOf(home), filepath.Join(home, "data"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	states := sm.NewStore(db, sm.StoreOptions{})
	answers = map[int64]*abci.ResponseFinalizeBlock{}
	for _, b := range list {
		if answers[b.block.Height], err = states.LoadFinalizeBlockResponse(b.block.Height); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// applier is a chain that is executed again.
type applier struct {
	states     sm.Store
	executor   *sm.BlockExecutor
	state      sm.State
	signatures bool
}

func newApplier(home string, application abci.Application, db dbm.DB, signatures bool) (*applier, error) {
	genesis, err := types.GenesisDocFromFile(filepath.Join(home, "config", "genesis.json"))
	if err != nil {
		return nil, err
	}
	a := &applier{states: sm.NewStore(db, sm.StoreOptions{}), signatures: signatures}
	if a.state, err = sm.MakeGenesisState(genesis); err != nil {
		return nil, err
	}
	connections := proxy.NewAppConns(proxy.NewLocalClientCreator(application), proxy.NopMetrics())
	if err := connections.Start(); err != nil {
		return nil, err
	}
	// Applying looks into the block store only to prune: it is an empty one.
	a.executor = sm.NewBlockExecutor(a.states, log.NewNopLogger(), connections.Consensus(), &mempool.NopMempool{},
		sm.EmptyEvidencePool{}, store.NewBlockStore(dbm.NewMemDB()))
	return a, a.states.Save(a.state)
}

// verify says how long the signatures of a block's last commit take by themselves.
func (a *applier) verify(block *types.Block) (time.Duration, error) {
	begin := time.Now()
	err := a.state.LastValidators.VerifyCommit(a.state.ChainID, a.state.LastBlockID, block.Height-1, block.LastCommit)
	return time.Since(begin), err
}

func (a *applier) apply(b readyBlock) (time.Duration, error) {
	id := types.BlockID{Hash: b.block.Hash(), PartSetHeader: b.parts.Header()}
	begin := time.Now()
	var err error
	if a.signatures {
		a.state, err = a.executor.ApplyBlock(a.state, id, b.block)
	} else if err = a.executor.ValidateBlockSkipLastCommit(a.state, b.block); err == nil {
		a.state, err = a.executor.ApplyVerifiedBlock(a.state, id, b.block)
	}
	return time.Since(begin), err
}

func cpuTime() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // cannot fail for oneself
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// apply applies the blocks of a home to a new state store, as bench_apply does.
func apply(home, out string, signatures bool) (err error) {
	list, _, err := readBlocks(home)
	if err != nil {
		return err
	}
	answers, err := readAnswers(home, list)
	if err != nil {
		return err
	}
	db, err := dbm.NewDB("state", dbm.GoLevelDBBackend, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := newApplier(home, &memoryApp{answers: answers}, db, signatures)
	if err != nil {
		return err
	}
	var applied, verified []time.Duration
	var cpu time.Duration
	for i, b := range list {
		if i > 0 && signatures {
			took, err := a.verify(b.block)
			if err != nil {
				return err
			}
			verified = append(verified, took)
		}
		begin := cpuTime()
		took, err := a.apply(b)
		if err != nil {
			return fmt.Errorf("height %d: %w", b.block.Height, err)
		}
		if i > 0 {
			applied = append(applied, took)
			cpu += cpuTime() - begin
		}
	}
	count := len(applied)
	report := fmt.Sprintf(`{"blocks": %d, "cpu_us": %.1f, %s`, count,
		float64(cpu.Nanoseconds())/1e3/float64(count), times("apply", applied))
	if signatures {
		report += ", " + times("verify", verified)
	}
	fmt.Println(report + "}")
	return nil
}
