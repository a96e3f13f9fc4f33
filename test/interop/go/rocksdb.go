// SPDX-License-Identifier: Apache-2.0

//go:build rocksdb

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/linxGnu/grocksdb"

	"cmtoracle/shared"
)

// Built with the tag rocksdb this line keeps its databases in RocksDB, and in nothing else.

func openDB(name, data string) (dbm.DB, error) { return dbm.NewRocksDB(name, data) }

var engineCommands = map[string]shared.Command{
	"dump": dumpRocks, "compact": compactRocks, "shape": shapeRocks, "pairs": pairsRocks,
	"mutate": notOnRocks, "stat": notOnRocks, "hold": notOnRocks,
}

func notOnRocks(r *shared.Request) (shared.Reply, error) {
	return nil, fmt.Errorf("%s: on goleveldb and pebble only", r.Op)
}

// openRocks opens the database that the request names: as a node does, or changing nothing.
func openRocks(r *shared.Request, write bool) (*dbm.RocksDB, error) {
	if _, err := os.Stat(filepath.Join(r.Dir(), "CURRENT")); err != nil {
		return nil, err // opening it would make an empty one
	}
	if write {
		return dbm.NewRocksDB(r.DB, filepath.Dir(r.Dir()))
	}
	options := grocksdb.NewDefaultOptions()
	defer options.Destroy()
	db, err := grocksdb.OpenDbForReadOnly(options, r.Dir(), false)
	if err != nil {
		return nil, err
	}
	return dbm.NewRocksDBWithRawDB(db, grocksdb.NewDefaultReadOptions(), grocksdb.NewDefaultWriteOptions(),
		grocksdb.NewDefaultWriteOptions()), nil
}

// dumpRocks is shared.Dump for RocksDB.
func dumpRocks(r *shared.Request) (reply shared.Reply, err error) {
	db, err := openRocks(r, r.Write)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return shared.DumpLines(r, func(w io.Writer) (pairs int, err error) {
		err = eachPair(db, func(key, value []byte) error {
			shared.WriteLine(w, key, value)
			pairs++
			if !r.Gets {
				return nil
			}
			got, err := db.Get(key)
			if err != nil || !bytes.Equal(got, value) {
				return fmt.Errorf("get of %q does not give what the iterator saw: %v", key, err)
			}
			return nil
		})
		return pairs, err
	})
}

// pairsRocks gives one database whole, as hex.
func pairsRocks(r *shared.Request) (shared.Reply, error) {
	pairs, err := readRocks(r)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, p := range pairs {
		found[hex.EncodeToString(p.Key)] = hex.EncodeToString(p.Value)
	}
	return shared.Reply{"pairs": found}, nil
}

func readRocks(r *shared.Request) (pairs []shared.Pair, err error) {
	db, err := openRocks(r, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = eachPair(db, func(key, value []byte) error {
		pairs = append(pairs, shared.Pair{Key: key, Value: value})
		return nil
	})
	return pairs, err
}

// compactRocks is CometBFT's Compact(nil, nil) on both databases.
func compactRocks(r *shared.Request) (shared.Reply, error) {
	for _, name := range shared.Databases {
		one := *r
		one.DB = name
		db, err := openRocks(&one, true)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(db.Compact(nil, nil), db.Close()); err != nil {
			return nil, err
		}
	}
	return shared.Reply{}, nil
}
