// SPDX-License-Identifier: Apache-2.0

// Vectors makes the test vectors of LoadValidators with CometBFT 1.0's own code.
//
//	vectors load HOME BACKEND HEIGHT...
//
// As the program of the same name for 0.38; the home must have key layout v1.
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	dbm "github.com/cometbft/cometbft-db"
	cmtstate "github.com/cometbft/cometbft/api/cometbft/state/v1"
	sm "github.com/cometbft/cometbft/state"
)

const release = "1.0"

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func record(db dbm.DB, height int64) ([]byte, *cmtstate.ValidatorsInfo) {
	value, err := db.Get([]byte(fmt.Sprintf("validatorsKey:%d", height)))
	must(err)
	info := new(cmtstate.ValidatorsInfo)
	must(info.Unmarshal(value))
	return value, info
}

func load(out *bufio.Writer, home, backend string, heights []string) {
	db, err := dbm.NewDB("state", dbm.BackendType(backend), filepath.Join(home, "data"))
	must(err)
	defer db.Close()
	store := sm.NewStore(db, sm.StoreOptions{DBKeyLayout: "v1"})
	for _, text := range heights {
		height, err := strconv.ParseInt(text, 10, 64)
		must(err)
		pointer, info := record(db, height)
		if info.ValidatorSet != nil {
			continue
		}
		stored := max(height-height%100000, info.LastHeightChanged)
		full, _ := record(db, stored)
		set, err := store.LoadValidators(height)
		must(err)
		pb, err := set.ToProto()
		must(err)
		loaded, err := pb.Marshal()
		must(err)
		fmt.Fprintf(out, "%s %d %d %x %x %x\n", release, stored, height, full, pointer, loaded)
	}
}

func main() {
	if len(os.Args) < 5 || os.Args[1] != "load" {
		fmt.Fprintln(os.Stderr, "usage: vectors load HOME BACKEND HEIGHT...")
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	load(out, os.Args[2], os.Args[3], os.Args[4:])
	must(out.Flush())
}
