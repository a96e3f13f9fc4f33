// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"

	"cmtoracle/shared"
)

// recorder makes a chain in memory, as a node does: genesis file, handshake, then proposals, decisions, pruning;
// and writes a transcript of it.
type recorder struct {
	*maker
	*script
	keys    []crypto.PrivKey
	doc     *types.GenesisDoc
	pool    *recordedEvidence
	pruning *pruning
	exec    *sm.BlockExecutor
	out     *transcript
	height  int64 // of the block in hand
	at      *rand.Rand
	flips   int
	retains bool // the application gave something up
	fails   bool // the application's next answer cannot be applied
	told    map[string]int
}

func record(q *shared.Request) (reply shared.Reply, err error) {
	r := &recorder{flips: q.Flips, told: map[string]int{}}
	chain := q.Chain
	r.script = newScript(&chain)
	blockDB, stateDB := dbm.NewMemDB(), dbm.NewMemDB()
	s := &stores{chain: chain, blockDB: blockDB, stateDB: stateDB, blocks: newBlockStore(blockDB, chain)}
	r.maker = &maker{stores: s, signer: map[string]crypto.PrivKey{}}
	r.makeKeys()
	if r.out, err = newTranscript(q.Out); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.out.close()) }()
	if err := r.start(q.Out + ".genesis"); err != nil {
		return nil, err
	}
	if err := r.heights(q.Heights, q.Stop); err != nil {
		return nil, err
	}
	if q.Lines != "" {
		err = errors.Join(writeLines(blockDB, q.Lines+".blockstore"), writeLines(stateDB, q.Lines+".state"))
	}
	return shared.Reply{"base": r.blocks.Base(), "height": r.blocks.Height(), "chain": r.chain, "told": r.told}, err
}

// start does what a node does before the first block.
func (r *recorder) start(genesis string) error {
	doc := r.genesis()
	if err := errors.Join(doc.ValidateAndComplete(), doc.SaveAs(genesis)); err != nil {
		return err
	}
	defer os.Remove(genesis)
	file, err := os.ReadFile(genesis)
	if err != nil {
		return err
	}
	state, doc, err := firstState(r.stores, genesis, r.chain.Layout)
	if err != nil {
		return err
	}
	r.doc = doc
	r.states = newStateStore(r.stateDB, r.chain)
	r.out.text('O', "release %s\nlayout %s\ndiscard %t\ncompanion %t\nsoftware %s\n", release, r.chain.Layout,
		r.chain.Discard, r.companion, state.Version.Software)
	r.out.put('G', file)
	r.out.put('J', doc.AppState)
	conns := proxy.NewAppConns(proxy.NewLocalClientCreator(&recordedApp{recorder: r}), proxy.NopMetrics())
	if err := conns.Start(); err != nil {
		return err
	}
	r.conns = conns
	if err := handshake(r.stores, state, doc, conns); err != nil {
		return err
	}
	if err := r.states.SetOfflineStateSyncHeight(0); err != nil {
		return err
	}
	if r.state, err = r.states.Load(); err != nil {
		return err
	}
	if r.pruning, err = newPruning(r.stores, r.companion); err != nil {
		return err
	}
	pool, err := newEvidencePool(r.stores)
	if err != nil {
		return err
	}
	r.pool = &recordedEvidence{evidencePool: pool, recorder: r}
	r.exec = newExecutor(r.stores, conns, &recordedPool{recorder: r}, r.pool, r.pruning)
	return r.out.digests(r.stores)
}

func (r *recorder) heights(count, stop int64) error {
	last := &types.ExtendedCommit{}
	for i := range count {
		if stop > 0 && i == stop {
			break
		}
		r.fails = r.failsAtEnd && i == count-1
		next, err := r.next(last)
		if err != nil {
			return fmt.Errorf("height %d: %w", r.height, err)
		}
		last = next
	}
	return nil
}

// next makes the next block: returns the commit that the one after it is proposed with.
func (r *recorder) next(last *types.ExtendedCommit) (*types.ExtendedCommit, error) {
	if r.height = r.state.LastBlockHeight + 1; r.state.LastBlockHeight == 0 {
		r.height = r.state.InitialHeight
	}
	r.at = rand.New(rand.NewSource(r.chain.Seed*1_000_003 + r.height*2 + 1))
	r.chain.ExtensionFrom = extensionsFrom(&r.state.ConsensusParams)
	r.addEvidence()
	block, err := r.propose(last)
	if err != nil {
		return nil, err
	}
	if err := r.judgeCopies(block); err != nil {
		return nil, err
	}
	if err := r.decide(block); err != nil {
		return nil, err
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return nil, err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	choices := r.chain.ChoicesAt(r.height)
	choices.Rand = r.at
	seen, err := r.commit(r.height, id, choices)
	if err != nil {
		return nil, err
	}
	other := seen
	if r.others {
		if other, err = r.commit(r.height, id, choices); err != nil {
			return nil, err
		}
	}
	return other, r.apply(block, parts, id, seen)
}

func (r *recorder) propose(last *types.ExtendedCommit) (*types.Block, error) {
	if last.Height == 0 {
		r.out.put('l', nil)
	} else {
		r.out.message('l', last.ToProto())
	}
	members := r.state.Validators.Validators
	proposer := r.state.Validators.GetProposer().Address
	if r.at.Intn(5) == 0 { // of a later round
		proposer = members[r.at.Intn(len(members))].Address
	}
	block, err := r.exec.CreateProposalBlock(context.Background(), r.height, r.state, last, proposer)
	if err != nil {
		return nil, err
	}
	if from := pbtsFrom(&r.state.ConsensusParams); from > 0 && from <= r.height { // repeatable
		block.Time = r.state.LastBlockTime.Add(time.Duration(1 + r.at.Int63n(int64(r.chain.BlockTime))))
	}
	pb, err := block.ToProto()
	if err != nil {
		return nil, err
	}
	r.out.message('b', pb)
	return block, nil
}

func (r *recorder) decide(block *types.Block) error {
	accepted, err := r.exec.ProcessProposal(block, r.state)
	if accepted {
		r.out.put('A', []byte{1})
	} else {
		r.out.put('A', []byte{0})
	}
	return err
}

func (r *recorder) apply(block *types.Block, parts *types.PartSet, id types.BlockID, seen *types.ExtendedCommit) error {
	if r.extended(r.height) {
		r.out.message('x', seen.ToProto())
		r.blocks.SaveBlockWithExtendedCommit(block, parts, seen)
	} else {
		r.out.message('s', seen.ToCommit().ToProto())
		r.blocks.SaveBlock(block, parts, seen.ToCommit())
	}
	state, err := applyBlock(r.exec, r.state, id, block)
	if r.fails {
		if err == nil {
			return errors.New("CometBFT applied a block whose results are wrong")
		}
		r.told["refused results"]++
		r.out.text('F', "%s", err)
		return r.out.digests(r.stores)
	}
	if err != nil {
		return err
	}
	r.state = state
	r.count(block)
	if err := r.prune(); err != nil {
		return err
	}
	return r.out.digests(r.stores)
}

// prune lets CometBFT >= 1.0 prune, after blocks for which the application asked for it.
func (r *recorder) prune() error {
	if r.retains {
		r.pruning.run()
	}
	if !r.companion || r.at.Intn(4) > 0 {
		return nil
	}
	wanted := r.blocks.Base() + r.at.Int63n(r.blocks.Height()-r.blocks.Base()+1)
	if r.pruning.setCompanion(wanted) != nil { // lower than before
		return nil
	}
	r.out.text('c', "%d", wanted)
	return nil
}

func (r *recorder) count(block *types.Block) {
	r.told["blocks"]++
	r.told["evidence"] += len(block.Evidence.Evidence)
	if block.LastCommit.Round > 0 {
		r.told["later rounds"]++
	}
	for _, sig := range block.LastCommit.Signatures {
		switch sig.BlockIDFlag {
		case types.BlockIDFlagAbsent:
			r.told["absent votes"]++
		case types.BlockIDFlagNil:
			r.told["nil votes"]++
		}
	}
	if block.Size() > int(types.BlockPartSizeBytes) {
		r.told["several parts"]++
	}
	if r.state.LastHeightValidatorsChanged == r.height+2 {
		r.told["changed sets"]++
	}
	if r.state.LastHeightConsensusParamsChanged == r.height+1 {
		r.told["changed params"]++
	}
	if r.extended(r.height) {
		r.told["with extensions"]++
	}
	if from := pbtsFrom(&r.state.ConsensusParams); from > 0 && from <= r.height {
		r.told["with PBTS"]++
	}
	r.told["pruned"] = int(r.blocks.Base() - r.chain.Initial)
}
