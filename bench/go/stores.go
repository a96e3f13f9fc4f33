// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
)

// stores are the two databases of a home, opened as a node opens them.
type stores struct {
	blockDB, stateDB dbm.DB
	blocks           *store.BlockStore
	states           sm.Store
}

// engineOf tells the engine of a home from its files; goleveldb where nothing is there yet.
func engineOf(home string) dbm.BackendType {
	options, _ := filepath.Glob(filepath.Join(home, "data", "blockstore.db", "OPTIONS-*"))
	for _, path := range options {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "pebble_version") {
			return dbm.PebbleDBBackend
		}
		return dbm.RocksDBBackend
	}
	return dbm.GoLevelDBBackend
}

// openStores opens a home's databases, or makes them, with an engine ("": what the files say), and wraps
// each in wrap before CometBFT sees it; nil for none.
func openStores(home string, engine dbm.BackendType, wrap func(dbm.DB) dbm.DB) (*stores, error) {
	if home == "" {
		return nil, errors.New("no home directory given")
	}
	if engine == "" {
		engine = engineOf(home)
	}
	data := filepath.Join(home, "data")
	blockDB, err := dbm.NewDB("blockstore", engine, data)
	if err != nil {
		return nil, err
	}
	stateDB, err := dbm.NewDB("state", engine, data)
	if err != nil {
		return nil, errors.Join(err, blockDB.Close())
	}
	s := &stores{blockDB: blockDB, stateDB: stateDB}
	if wrap != nil {
		s.blockDB, s.stateDB = wrap(blockDB), wrap(stateDB)
	}
	s.blocks = store.NewBlockStore(s.blockDB)
	s.states = sm.NewStore(s.stateDB, sm.StoreOptions{})
	return s, nil
}

func (s *stores) close() error { return errors.Join(s.blockDB.Close(), s.stateDB.Close()) }

// prune does what BlockExecutor.pruneBlocks does.
func prune(home string, retain int64) (err error) {
	s, err := openStores(home, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	state, err := s.states.Load()
	if err != nil {
		return err
	}
	base := s.blocks.Base()
	begin := time.Now()
	pruned, evidence, err := s.blocks.PruneBlocks(retain, state)
	if err != nil {
		return err
	}
	blocksDone := time.Now()
	if err := s.states.PruneStates(base, retain, evidence); err != nil {
		return err
	}
	return printReport(map[string]any{
		"base_before": base, "base": s.blocks.Base(), "height": s.blocks.Height(), "pruned": pruned,
		"evidence_retain_height": evidence,
		"blocks_ms":              blocksDone.Sub(begin).Milliseconds(),
		"states_ms":              time.Since(blocksDone).Milliseconds(),
	})
}

// compact gives both databases to the engine's compaction of everything.
func compact(home string) (err error) {
	s, err := openStores(home, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begin := time.Now()
	if err := s.blockDB.Compact(nil, nil); err != nil {
		return err
	}
	blocksDone := time.Now()
	if err := s.stateDB.Compact(nil, nil); err != nil {
		return err
	}
	return printReport(map[string]any{
		"blocks_ms": blocksDone.Sub(begin).Milliseconds(),
		"states_ms": time.Since(blocksDone).Milliseconds(),
	})
}

func printReport(report map[string]any) error { return json.NewEncoder(os.Stdout).Encode(report) }

// dump prints one line: number of pairs, and a digest over length of key, key and SHA-256 of value
// of each pair in key order.
func dump(home, name string, list bool) (err error) {
	path := filepath.Join(home, "data", name+".db")
	if _, err := os.Stat(path); err != nil {
		return err // opening it would make an empty one
	}
	db, err := dbm.NewDB(name, engineOf(home), filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	it, err := db.Iterator(nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()

	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	digest := sha256.New()
	pairs := 0
	for ; it.Valid(); it.Next() {
		key, value := it.Key(), it.Value()
		sum := sha256.Sum256(value)
		if list {
			fmt.Fprintf(out, "%x %d %x\n", key, len(value), sum)
		}
		digest.Write(binary.BigEndian.AppendUint32(nil, uint32(len(key))))
		digest.Write(key)
		digest.Write(sum[:])
		pairs++
	}
	if err := it.Error(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s pairs=%d digest=%x\n", name, pairs, digest.Sum(nil))
	return out.Flush()
}
