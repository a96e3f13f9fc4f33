// SPDX-License-Identifier: Apache-2.0

//go:build !rocksdb

package main

import (
	dbm "github.com/cometbft/cometbft-db"

	"cmtoracle/shared"
)

// This line keeps its databases in goleveldb.

func openDB(name, data string) (dbm.DB, error) { return dbm.NewGoLevelDB(name, data) }

var engineCommands map[string]shared.Command
