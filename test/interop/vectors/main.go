// SPDX-License-Identifier: Apache-2.0

// Vectors makes the test vectors of proposer priorities with CometBFT 0.38's own code.
//
//	vectors priorities > ../../unit/data/priority-vectors.txt
//	vectors blocks > ../../unit/data/block-vectors.txt
//	vectors extended > ../../unit/data/extended-vectors.txt
//	vectors states > ../../unit/data/state-vectors.txt
//	vectors load HOME HEIGHT...    one line per height whose validators record is a pointer
//
// A line of priorities is "KIND TIMES IN OUT": the ValidatorSet messages before and after, in hex.
// KIND is increment (types.ValidatorSet.IncrementProposerPriority) or load (LoadValidators of
// state.Store, TIMES above the height at which the set is stored).  A line of load is
// "RELEASE STORED HEIGHT RECORD POINTER OUT": the two heights, the stored values of both, and what
// LoadValidators(HEIGHT) gives.  Load opens, and so changes, the home: use a copy.
package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"

	dbm "github.com/cometbft/cometbft-db"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

const release = "0.38"

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

// A set as no chain makes it, but a database may hold it.
func raw(powers, priorities []int64) *types.ValidatorSet {
	list := validators(powers...)
	for i := range list {
		list[i].ProposerPriority = priorities[i]
	}
	return &types.ValidatorSet{Validators: list, Proposer: list[0].Copy()}
}

func (w writer) increment(set *types.ValidatorSet, times int32) {
	before := encode(set)
	moved := set.Copy()
	moved.IncrementProposerPriority(times)
	fmt.Fprintf(w, "increment %d %x %x\n", times, before, encode(moved))
}

// Through the state store: a full record at a checkpoint height, a pointer `times` above it.
func (w writer) load(set *types.ValidatorSet, times int64) {
	const stored = 300000
	height := stored + times
	db := dbm.NewMemDB()
	pb, err := set.ToProto()
	must(err)
	full, err := (&cmtstate.ValidatorsInfo{ValidatorSet: pb, LastHeightChanged: stored}).Marshal()
	must(err)
	pointer, err := (&cmtstate.ValidatorsInfo{LastHeightChanged: stored}).Marshal()
	must(err)
	must(db.Set([]byte(fmt.Sprintf("validatorsKey:%d", stored)), full))
	must(db.Set([]byte(fmt.Sprintf("validatorsKey:%d", height)), pointer))
	loaded, err := sm.NewStore(db, sm.StoreOptions{}).LoadValidators(height)
	must(err)
	fmt.Fprintf(w, "load %d %x %x\n", times, encode(set), encode(loaded))
}

// ordinary sets: as created, after many heights, after changes of power.
func (w writer) ordinary(rng *rand.Rand) {
	w.increment(fresh(10), 1)
	w.increment(fresh(5, 5), 3)
	w.increment(fresh(7, 7, 7, 7), 100000)
	w.increment(fresh(1000, 300, 330), 99)
	w.increment(fresh(randomPowers(rng, 60, 1000000)...), 1000)
	for _, times := range []int32{1, 2, 10, 99, 1000, 65536, 99999, 100000} {
		w.increment(fresh(randomPowers(rng, 1+rng.Intn(7), 1000)...), times)
	}
	for i := 0; i < 12; i++ {
		w.load(fresh(randomPowers(rng, 1+rng.Intn(6), int64(1)<<uint(3+4*i))...), 1+rng.Int63n(99999))
	}
	for i := 0; i < 16; i++ {
		n := 2 + rng.Intn(5)
		set := fresh(randomPowers(rng, n, 100)...)
		for round := 0; round < 5; round++ {
			set.IncrementProposerPriority(1 + rng.Int31n(30))
			changes := validators(randomPowers(rng, n+1, 1000)...)
			must(set.UpdateWithChangeSet(changes[rng.Intn(len(changes)):]))
		}
		if i%2 == 0 {
			w.increment(set, 1+rng.Int31n(100000))
		} else {
			w.load(set, 1+rng.Int63n(99999))
		}
	}
}

// big powers: totals at the limit and just below.
func (w writer) big(rng *rand.Rand) {
	max := types.MaxTotalVotingPower
	w.increment(fresh(max), 100000)
	w.increment(fresh(max-1, 1), 100000)
	w.increment(fresh(max/2, max-max/2), 7)
	w.increment(fresh(max/3, max/3, max/3), 12345)
	w.load(fresh(max-10, 1, 2, 3, 4), 99999)
	for i := 0; i < 6; i++ {
		n := 2 + rng.Intn(5)
		w.increment(fresh(randomPowers(rng, n, max/int64(n))...), 1+rng.Int31n(100000))
	}
}

// hostile priorities: rescaling, rounding, clipping and wrapping.
func (w writer) hostile(rng *rand.Rand) {
	const lo, hi = math.MinInt64, math.MaxInt64
	max := types.MaxTotalVotingPower
	w.increment(raw([]int64{1, 1}, []int64{101, -100}), 1)
	w.increment(raw([]int64{10, 7, 3}, []int64{-7, -7, -9}), 1)
	w.increment(raw([]int64{11, 2, 5, 4}, []int64{20, -52, 36, -30}), 3)
	w.increment(raw([]int64{1, 2}, []int64{lo, hi}), 5)
	w.increment(raw([]int64{1, 2}, []int64{lo, 0}), 5)
	w.increment(raw([]int64{1, 2, 3}, []int64{hi, 0, 0}), 5)
	w.increment(raw([]int64{1, 0}, []int64{hi, 0}), 5)
	w.increment(raw([]int64{1, 2, 3}, []int64{-1, lo, hi - 1}), 5)
	w.increment(raw([]int64{max - 3, 1, 2}, []int64{hi, 0, 0}), 100)
	w.increment(raw([]int64{max - 3, 1, 2}, []int64{hi, hi, hi}), 100)
	w.increment(raw([]int64{max - 3, 1, 2}, []int64{lo, lo, lo}), 100)
	w.increment(raw([]int64{max - 3, 1, 2}, []int64{lo, lo, -1}), 100)
	w.increment(raw([]int64{0, 0, 0}, []int64{5, -5, 1}), 3)
	w.increment(raw([]int64{0, 4, 0}, []int64{-9, 4, 100}), 1000)
	for i := 0; i < 24; i++ {
		n := 2 + rng.Intn(4)
		powers := randomPowers(rng, n, 1+max>>uint(3+rng.Intn(57)))
		priorities := make([]int64, n)
		for j := range priorities {
			priorities[j] = int64(rng.Uint64()) >> uint(rng.Intn(62))
		}
		w.increment(raw(powers, priorities), 1+rng.Int31n(300))
	}
	// the average is out of reach of the lowest, of the highest
	w.increment(raw([]int64{1, 2, 3, 4}, []int64{lo, hi, hi, hi}), 2)
	w.increment(raw([]int64{1, 2, 3, 4}, []int64{hi, lo, lo, lo}), 2)
	// a spread beyond int64, then also the sum that the ratio is made of
	w.increment(raw([]int64{1, 2}, []int64{lo, 100000}), 2)
	w.increment(raw([]int64{5, 7, 1}, []int64{lo + 5, 3 << 60, 0}), 2)
	w.increment(raw([]int64{max / 2, max / 2}, []int64{lo, 100000}), 2)
	w.increment(raw([]int64{max / 2, max / 3, 9}, []int64{hi, 2, 0}), 2)
}

func priorities(out writer) {
	rng := rand.New(rand.NewSource(20240611))
	fmt.Fprintf(out, "# SPDX-License-Identifier: Apache-2.0\n")
	fmt.Fprintf(out, "# Made by test/interop/vectors with CometBFT %s; do not edit.\n", release)
	out.ordinary(rng)
	out.big(rng)
	out.hostile(rng)
}

func record(db dbm.DB, height int64) ([]byte, *cmtstate.ValidatorsInfo) {
	value, err := db.Get([]byte(fmt.Sprintf("validatorsKey:%d", height)))
	must(err)
	info := new(cmtstate.ValidatorsInfo)
	must(info.Unmarshal(value))
	return value, info
}

func load(out writer, home string, heights []string) {
	db, err := dbm.NewDB("state", dbm.GoLevelDBBackend, filepath.Join(home, "data"))
	must(err)
	defer db.Close()
	store := sm.NewStore(db, sm.StoreOptions{})
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
		fmt.Fprintf(out, "%s %d %d %x %x %x\n", release, stored, height, full, pointer, encode(set))
	}
}

func main() {
	out := writer{bufio.NewWriter(os.Stdout)}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "priorities":
		priorities(out)
	case len(os.Args) == 2 && os.Args[1] == "blocks":
		blocks(out)
	case len(os.Args) == 2 && os.Args[1] == "extended":
		extendedCommits(out)
	case len(os.Args) == 2 && os.Args[1] == "states":
		states(out)
		out.legacies(rand.New(rand.NewSource(20261130)))
		out.genesis()
	case len(os.Args) > 3 && os.Args[1] == "load":
		load(out, os.Args[2], os.Args[3:])
	default:
		fmt.Fprintln(os.Stderr, "usage: vectors priorities | vectors blocks | vectors extended | vectors states | vectors load HOME HEIGHT...")
		os.Exit(2)
	}
	must(out.Flush())
}
