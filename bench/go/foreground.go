// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

type foregroundOptions struct {
	home        string
	without     int
	share, rate float64
	bytes       int
}

func (o *foregroundOptions) register(flags *flag.FlagSet) {
	flags.IntVar(&o.without, "without", 1000, "saves without compaction")
	flags.Float64Var(&o.share, "share", 0.9, "of the heights, pruned")
	flags.Float64Var(&o.rate, "rate", 50, "blocks a second")
	flags.IntVar(&o.bytes, "bytes", 100000, "of the transaction of a block")
}

// pruningApp answers the same to every block, and once with a height below which to prune.
type pruningApp struct {
	abci.BaseApplication
	retain int64
}

func (*pruningApp) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	response := &abci.ResponseFinalizeBlock{AppHash: []byte(fmt.Sprintf("%032d", r.Height))}
	for range r.Txs {
		response.TxResults = append(response.TxResults, &abci.ExecTxResult{Log: "done"})
	}
	return response, nil
}

func (a *pruningApp) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	return &abci.ResponseCommit{RetainHeight: a.retain}, nil
}

// compactor is the asynchronous one of the first source: a queue of one, one worker, one compaction at a time, and
// each of them of the whole databases.
type compactor struct {
	queue    chan struct{}
	inFlight int32
	stores   *stores
	done     atomic.Bool
	err      error
	wait     sync.WaitGroup
}

func newCompactor(s *stores) *compactor {
	c := &compactor{queue: make(chan struct{}, 1), stores: s}
	c.wait.Add(1)
	go c.worker()
	return c
}

func (c *compactor) tryEnqueue() bool {
	select {
	case c.queue <- struct{}{}:
		return true
	default:
		return false
	}
}

func (c *compactor) worker() {
	defer c.wait.Done()
	for range c.queue {
		if !atomic.CompareAndSwapInt32(&c.inFlight, 0, 1) {
			continue
		}
		c.err = errors.Join(c.stores.stateDB.Compact(nil, nil), c.stores.blockDB.Compact(nil, nil))
		c.done.Store(true)
		atomic.StoreInt32(&c.inFlight, 0)
	}
}

// writtenBytes is what this process has made the kernel write.
func writtenBytes() int64 {
	text, _ := os.ReadFile("/proc/self/io") // "": 0
	_, rest, _ := strings.Cut(string(text), "\nwrite_bytes: ")
	number, _, _ := strings.Cut(rest, "\n")
	bytes, _ := strconv.ParseInt(number, 10, 64)
	return bytes
}

func diskUse(home string) (bytes int64) {
	for _, name := range []string{"blockstore.db", "state.db"} {
		files, _ := filepath.Glob(filepath.Join(home, "data", name, "*"))
		for _, path := range files {
			var st syscall.Stat_t
			if syscall.Stat(path, &st) == nil {
				bytes += st.Blocks * 512
			}
		}
	}
	return bytes
}

// follower goes on with a chain of one validator.
type follower struct {
	options  *foregroundOptions
	stores   *stores
	key      ed25519.PrivKey
	app      *pruningApp
	executor *sm.BlockExecutor
	state    sm.State
	last     *types.Commit
}

func follow(o *foregroundOptions, s *stores) (*follower, error) {
	f := &follower{options: o, stores: s, app: &pruningApp{}, key: ed25519.GenPrivKeyFromSecret([]byte("cmtgen-1-0"))}
	connections := proxy.NewAppConns(proxy.NewLocalClientCreator(f.app), proxy.NopMetrics())
	if err := connections.Start(); err != nil {
		return nil, err
	}
	f.executor = sm.NewBlockExecutor(s.states, log.NewNopLogger(), connections.Consensus(), &mempool.NopMempool{},
		sm.EmptyEvidencePool{}, s.blocks)
	var err error
	if f.state, err = s.states.Load(); err != nil {
		return nil, err
	}
	f.last = s.blocks.LoadSeenCommit(s.blocks.Height())
	if len(f.last.Signatures) != 1 || f.last.Signatures[0].ValidatorAddress.String() != f.key.PubKey().Address().String() {
		return nil, errors.New("the chain has another validator, or more than one")
	}
	return f, nil
}

// makeTx makes a transaction of which half is random and half compresses well.
func (f *follower) makeTx(height int64) types.Tx {
	tx := make([]byte, f.options.bytes)
	rand.New(rand.NewSource(height)).Read(tx[:len(tx)/2])
	for i := len(tx) / 2; i < len(tx); i++ {
		tx[i] = byte('a' + i%7)
	}
	return tx
}

// made is a block with what goes with it.
type made struct {
	block  *types.Block
	parts  *types.PartSet
	id     types.BlockID
	commit *types.Commit
}

func (f *follower) make() (made, error) {
	height := f.state.LastBlockHeight + 1
	block, err := f.state.MakeBlock(height, types.Txs{f.makeTx(height)}, f.last, nil, f.key.PubKey().Address())
	if err != nil {
		return made{}, err
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return made{}, err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	commit := &types.Commit{Height: height, BlockID: id, Signatures: []types.CommitSig{{
		BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: f.key.PubKey().Address(),
		Timestamp: block.Time.Add(blockTime),
	}}}
	if commit.Signatures[0].Signature, err = f.key.Sign(commit.VoteSignBytes(f.state.ChainID, 0)); err != nil {
		return made{}, err
	}
	return made{block, parts, id, commit}, nil
}

// save is what consensus does for a block that was decided on.
func (f *follower) save(m made) (time.Duration, error) {
	begin := time.Now()
	if err := f.executor.ValidateBlock(f.state, m.block); err != nil {
		return 0, err
	}
	f.stores.blocks.SaveBlock(m.block, m.parts, m.commit)
	state, err := f.executor.ApplyVerifiedBlock(f.state, m.id, m.block)
	took := time.Since(begin)
	if err != nil {
		return 0, err
	}
	f.state, f.last = state, m.commit
	return took, nil
}

type phase struct {
	MS      int64   `json:"ms"`
	Written int64   `json:"written"`
	Before  int64   `json:"before"` // bytes on disk
	After   int64   `json:"after"`
	US      []int64 `json:"us"`
}

// saveBlocks saves until done, or most are saved; one that comes late does not move the others.
func (f *follower) saveBlocks(most int, done *atomic.Bool) (p phase, err error) {
	p = phase{Written: -writtenBytes(), Before: diskUse(f.options.home), US: []int64{}}
	begin := time.Now()
	for !done.Load() && (most < 0 || len(p.US) < most) {
		m, err := f.make()
		if err != nil {
			return p, err
		}
		time.Sleep(time.Until(begin.Add(time.Duration(float64(len(p.US)) / f.options.rate * float64(time.Second)))))
		took, err := f.save(m)
		if err != nil {
			return p, err
		}
		p.US = append(p.US, took.Microseconds())
	}
	p.MS = time.Since(begin).Milliseconds()
	p.Written += writtenBytes()
	p.After = diskUse(f.options.home)
	return p, nil
}

// saveAndPrune saves one block behind which ApplyBlock prunes.
func (f *follower) saveAndPrune(retain int64) (time.Duration, error) {
	m, err := f.make()
	if err != nil {
		return 0, err
	}
	f.app.retain = retain
	took, err := f.save(m)
	f.app.retain = 0
	if err == nil && f.stores.blocks.Base() != retain {
		err = errors.New("nothing was pruned")
	}
	return took, err
}

// settle waits until the engine has done what it does behind an opening.
func settle() {
	before := writtenBytes()
	for quiet, i := 0, 0; quiet < 15 && i < 600; i++ {
		time.Sleep(100 * time.Millisecond)
		now := writtenBytes()
		if quiet++; now != before {
			quiet = 0
		}
		before = now
	}
}

// foreground does what bench_foreground does, with CometBFT's code and the first source's compactor.
func foreground(o *foregroundOptions) (err error) {
	s, err := openStores(o.home, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	f, err := follow(o, s)
	if err != nil {
		return err
	}
	base, height := s.blocks.Base(), s.blocks.Height()
	settle()
	var never atomic.Bool
	without, err := f.saveBlocks(o.without, &never)
	if err != nil {
		return err
	}
	c, written := newCompactor(s), writtenBytes()
	pruned, err := f.saveAndPrune(base + int64(float64(height-base+1)*o.share))
	if err != nil {
		return err
	}
	written = writtenBytes() - written
	if !c.tryEnqueue() {
		return errors.New("the queue is full")
	}
	with, err := f.saveBlocks(-1, &c.done)
	close(c.queue)
	c.wait.Wait()
	if err = errors.Join(err, c.err); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"prune_ms": pruned.Milliseconds(), "prune_written": written, "without": without, "with": with,
	})
}
