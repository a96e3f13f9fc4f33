// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"

	"github.com/cockroachdb/pebble"
	dbm "github.com/cometbft/cometbft-db"

	"cmtoracle/shared"
)

// This line keeps its databases in pebble or goleveldb: a directory that is there says which, and for a new
// one the chain's options do.

func isPebble(home, name string) bool {
	options, _ := filepath.Glob(filepath.Join(home, "data", name+".db", "OPTIONS-*"))
	tables, _ := filepath.Glob(filepath.Join(home, "data", name+".db", "CURRENT"))
	if len(tables) > 0 {
		return len(options) > 0
	}
	chain, err := shared.LoadChain(home)
	return err == nil && chain.Backend == "pebbledb"
}

func openDB(name, data string) (dbm.DB, error) {
	if isPebble(filepath.Dir(data), name) {
		return dbm.NewPebbleDBWithOpts(name, data, &pebble.Options{Logger: quiet{}})
	}
	return dbm.NewGoLevelDB(name, data)
}

// dispatch runs a command's form for pebble where the home is pebble's.
func dispatch(pebble, other shared.Command) shared.Command {
	return func(r *shared.Request) (shared.Reply, error) {
		if isPebble(r.Home, "blockstore") {
			return pebble(r)
		}
		return other(r)
	}
}

var engineCommands = map[string]shared.Command{
	"dump":    dispatch(dumpPebble, shared.Dump),
	"compact": dispatch(compactPebble, shared.Compact),
	"shape":   dispatch(shapePebble, shared.Shape),
	"hold":    dispatch(holdPebble, shared.Hold),
	"levels":  levelsPebble,

	"prune-service": onStores(pruneService), // this line alone has one
}
