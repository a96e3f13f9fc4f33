// SPDX-License-Identifier: Apache-2.0

// Vectors makes test vectors with CometBFT 1.0's own code: of LoadValidators, and the keys of layout v2.
//
//	vectors load HOME BACKEND HEIGHT...
//	vectors keys
//	vectors blocks > ../../unit/data/block-vectors-1.0.txt
//	vectors extended    the lines of extended-vectors.txt, which 0.38 made
//	vectors states > ../../unit/data/state-vectors-1.0.txt
//
// load is as in the program of the same name for 0.38; the home must have key layout v1.  keys notes what
// the stores ask an empty database for.
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
	"github.com/cometbft/cometbft/store"
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

// asked remembers the last key that was asked for.
type asked struct {
	dbm.DB
	key []byte
}

func (a *asked) Get(key []byte) ([]byte, error) {
	a.key = append([]byte(nil), key...)
	return a.DB.Get(key)
}

func keys(out *bufio.Writer) {
	db := &asked{DB: dbm.NewMemDB()}
	blocks := store.NewBlockStore(db, store.WithDBKeyLayout("v2"))
	states := sm.NewStore(db, sm.StoreOptions{DBKeyLayout: "v2"})
	heights := []int64{0, 1, 2, 9, 10, 63, 64, 65, 99, 100, 127, 128, 255, 256, 8191, 8192, 65535, 65536, 99999,
		100000, 1<<20 - 1, 1 << 20, 20000000, 1<<27 - 1, 1 << 27, 1<<34 - 1, 1 << 34, 1<<41 - 1, 1 << 41, 1<<48 - 1,
		1 << 48, 1<<55 - 1, 1 << 55, 1<<62 - 1, 1 << 62, 1<<63 - 1}
	for _, height := range heights {
		for _, index := range []int{0, 1, 63, 64, 1600, 1<<32 - 1} {
			blocks.LoadBlockPart(height, index)
			fmt.Fprintf(out, "P: %d %d %x\n", height, index, db.key)
		}
		for _, family := range []struct {
			name string
			load func()
		}{
			{"H:", func() { blocks.LoadBlockMeta(height) }},
			{"C:", func() { blocks.LoadBlockCommit(height) }},
			{"SC:", func() { blocks.LoadSeenCommit(height) }},
			{"EC:", func() { blocks.LoadBlockExtendedCommit(height) }},
			{"validatorsKey:", func() { _, _ = states.LoadValidators(height) }},
			{"consensusParamsKey:", func() { _, _ = states.LoadConsensusParams(height) }},
			{"abciResponsesKey:", func() { _, _ = states.LoadFinalizeBlockResponse(height) }},
		} {
			family.load()
			fmt.Fprintf(out, "%s %d 0 %x\n", family.name, height, db.key)
		}
	}
	for seed := range 16 {
		hash := make([]byte, 32)
		for i := range hash {
			hash[i] = byte(seed * (i + 1) * 17)
			if seed%4 == 1 {
				hash[i] = byte(0xff * (i % 2))
			}
		}
		blocks.LoadBlockByHash(hash)
		fmt.Fprintf(out, "BH: %x 0 %x\n", hash, db.key)
	}
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	switch {
	case len(os.Args) == 2 && os.Args[1] == "keys":
		keys(out)
	case len(os.Args) == 2 && os.Args[1] == "blocks":
		blocks(writer{out})
	case len(os.Args) == 2 && os.Args[1] == "extended":
		extendedCommits(writer{out})
	case len(os.Args) == 2 && os.Args[1] == "states":
		states(writer{out})
	case len(os.Args) > 4 && os.Args[1] == "load":
		load(out, os.Args[2], os.Args[3], os.Args[4:])
	default:
		fmt.Fprintln(os.Stderr, "usage: vectors load HOME BACKEND HEIGHT... | vectors keys | vectors blocks | vectors extended | vectors states")
		os.Exit(2)
	}
	must(out.Flush())
}
