// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	dbm "github.com/cometbft/cometbft-db"

	"cmtoracle/shared"
)

// holdPebble keeps both databases open with pebble, as a node of this line does, until stdin ends.
func holdPebble(r *shared.Request) (reply shared.Reply, err error) {
	for _, name := range []string{"blockstore", "state"} {
		db, err1 := dbm.NewDB(name, dbm.PebbleDBBackend, filepath.Join(r.Home, "data"))
		if err1 != nil {
			return nil, err1
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return shared.Reply{}, err
}

func init() { commands["hold-pebble"] = holdPebble }
