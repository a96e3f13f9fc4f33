// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
)

// readyBlock is a block as consensus has it in its hands.
type readyBlock struct {
	block  *types.Block
	parts  *types.PartSet
	commit *types.Commit
}

func readBlocks(home string) (list []readyBlock, base int64, err error) {
	db, err := dbm.NewDB("blockstore", engineOf(home), filepath.Join(home, "data"))
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	blocks := store.NewBlockStore(db)
	for h := blocks.Base(); h <= blocks.Height(); h++ {
		b := readyBlock{block: blocks.LoadBlock(h), commit: blocks.LoadSeenCommit(h)}
		if b.parts, err = b.block.MakePartSet(types.BlockPartSizeBytes); err != nil {
			return nil, 0, err
		}
		list = append(list, b)
	}
	return list, blocks.Base(), nil
}

// times describes durations as bench_blocks does.
func times(what string, list []time.Duration) string {
	var total time.Duration
	for _, t := range list {
		total += t
	}
	slices.Sort(list)
	micros := func(i int) float64 { return float64(list[i].Nanoseconds()) / 1e3 }
	return fmt.Sprintf(`"%s_per_s": %.1f, "%s_p50_us": %.1f, "%s_p99_us": %.1f`, what,
		float64(len(list))/total.Seconds(), what, micros(len(list)/2), what, micros(len(list)*99/100))
}

// blocks saves the blocks of a home's store into a new one, opens that again and loads each, scattered.
func blocks(home, out, engine string) error {
	list, base, err := readBlocks(home)
	if err != nil {
		return err
	}
	db, err := dbm.NewDB("blockstore", dbm.BackendType(engine), out)
	if err != nil {
		return err
	}
	saved := store.NewBlockStore(db)
	took := make([]time.Duration, len(list))
	for i, b := range list {
		begin := time.Now()
		saved.SaveBlock(b.block, b.parts, b.commit)
		took[i] = time.Since(begin)
	}
	if err := db.Close(); err != nil {
		return err
	}
	report := fmt.Sprintf(`{"blocks": %d, %s, `, len(list), times("save", took))

	if db, err = dbm.NewDB("blockstore", dbm.BackendType(engine), out); err != nil {
		return err
	}
	saved = store.NewBlockStore(db)
	for i := range list {
		height := base + int64(i*7919%len(list))
		begin := time.Now()
		block := saved.LoadBlock(height)
		took[i] = time.Since(begin)
		if block == nil || block.Height != height {
			return fmt.Errorf("block %d was not saved", height)
		}
	}
	fmt.Printf("%s%s}\n", report, times("load", took))
	return db.Close()
}
