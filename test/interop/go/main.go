// SPDX-License-Identifier: Apache-2.0

// cmtoracle makes, prunes and reads block and state databases with CometBFT's own code, so that
// what cmtstore leaves can be compared with what CometBFT leaves.  What differs between the release
// lines is in line.go and engine.go; ../go-1.0 has its own and shares the other files.
//
//	cmtoracle gen    -home DIR -heights N ...   a chain, with its genesis file
//	cmtoracle append -home DIR -heights N       go on with it
//	cmtoracle prune  -home DIR -retain R        PruneBlocks, then PruneStates, as the node does
//	cmtoracle rollback -home DIR [-hard]        as the command of the same name
//	cmtoracle load   -home DIR                  read all that a node may need
//	cmtoracle record -out FILE -heights N       a chain of random choices, with what it takes to make it again
//	cmtoracle audit  -home DIR                  read all and check it, signatures too
//	cmtoracle take-back -home DIR -heights N    delete the last blocks
//	cmtoracle signatures -out FILE -heights N   signatures of any kind, with CometBFT's decisions
//	cmtoracle dump   -home DIR -db NAME -out FILE [-gets]
//	cmtoracle compact|shape|mutate|stat|hold    see the package shared
//	cmtoracle serve                             the same as JSON lines on stdin
package main

import (
	"errors"
	"path/filepath"

	dbm "github.com/cometbft/cometbft-db"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"

	"cmtoracle/shared"
)

// stores are the two databases of a home, opened as a node opens them.
type stores struct {
	chain            shared.Chain
	blockDB, stateDB dbm.DB
	blocks           *store.BlockStore
	states           sm.Store
}

func openStores(home string, chain shared.Chain) (*stores, error) {
	data := filepath.Join(home, "data")
	blockDB, err := openDB("blockstore", data)
	if err != nil {
		return nil, err
	}
	stateDB, err := openDB("state", data)
	if err != nil {
		return nil, errors.Join(err, blockDB.Close())
	}
	return &stores{
		chain: chain, blockDB: blockDB, stateDB: stateDB,
		blocks: newBlockStore(blockDB, chain), states: newStateStore(stateDB, chain),
	}, nil
}

func (s *stores) close() error { return errors.Join(s.blockDB.Close(), s.stateDB.Close()) }

// onStores makes a command of what is done with the stores of a home.
func onStores(do func(*shared.Request, *stores) (shared.Reply, error)) shared.Command {
	return func(r *shared.Request) (reply shared.Reply, err error) {
		chain, err := shared.LoadChain(r.Home)
		if err != nil {
			return nil, err
		}
		s, err := openStores(r.Home, chain)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		return do(r, s)
	}
}

// prune does what BlockExecutor.pruneBlocks does.
func prune(r *shared.Request, s *stores) (shared.Reply, error) {
	state, err := s.states.Load()
	if err != nil {
		return nil, err
	}
	base := s.blocks.Base()
	pruned, evidenceHeight, err := s.blocks.PruneBlocks(r.Retain, state)
	if err != nil {
		return nil, err
	}
	if pruned > 0 {
		if err := pruneStates(s.states, base, r.Retain, evidenceHeight); err != nil {
			return nil, err
		}
	}
	return shared.Reply{
		"base_before": base, "base": s.blocks.Base(), "height": s.blocks.Height(),
		"pruned": pruned, "evidence_retain_height": evidenceHeight,
	}, nil
}

// rollback does what `cometbft rollback` does.
func rollback(r *shared.Request, s *stores) (shared.Reply, error) {
	height, _, err := sm.Rollback(s.blocks, s.states, r.Hard)
	if err != nil {
		return nil, err
	}
	state, err := s.states.Load()
	if err != nil {
		return nil, err
	}
	return shared.Reply{"height": height, "software": state.Version.Software}, nil
}

func main() {
	commands := map[string]shared.Command{
		"gen": gen, "append": extend, "prune": onStores(prune), "rollback": onStores(rollback), "load": onStores(load), "take-back": onStores(takeBack),
		"record": record, "audit": onStores(audit), "signatures": signatures,
	}
	for name, command := range engineCommands {
		commands[name] = command
	}
	shared.Main(commands)
}
