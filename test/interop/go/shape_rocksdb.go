// SPDX-License-Identifier: Apache-2.0

//go:build rocksdb

package main

import (
	"fmt"
	"math/rand"
	"strings"

	"github.com/linxGnu/grocksdb"

	"cmtoracle/shared"
)

// shapeRocks is shared.Shape for RocksDB: cometbft-db's settings, but small tables and many levels, and a
// past of older versions, deletes and deletes of ranges.  The last writes stay in the write-ahead log.
func shapeRocks(r *shared.Request) (shared.Reply, error) {
	return shared.Reshape(r, readRocks, writeShapedRocks)
}

func shapeRocksOptions(rng *rand.Rand) *grocksdb.Options {
	tables := grocksdb.NewDefaultBlockBasedTableOptions()
	defer tables.Destroy()
	tables.SetFilterPolicy(grocksdb.NewBloomFilter(10))
	tables.SetBlockSize(512 << rng.Intn(4))
	o := grocksdb.NewDefaultOptions()
	o.SetBlockBasedTableFactory(tables)
	o.SetCreateIfMissing(true)
	o.OptimizeLevelStyleCompaction(512 << 20)
	o.SetMinWriteBufferNumberToMerge(1)
	o.SetWriteBufferSize(64 << 10 << rng.Intn(2))
	o.SetTargetFileSizeBase(16 << 10 << rng.Intn(3))
	o.SetMaxBytesForLevelBase(64 << 10 << rng.Intn(2))
	o.SetMaxBytesForLevelMultiplier(4)
	o.SetLevel0FileNumCompactionTrigger(1 + rng.Intn(4))
	return o
}

func writeShapedRocks(r *shared.Request, pairs []shared.Pair, rng *rand.Rand) error {
	options := shapeRocksOptions(rng)
	defer options.Destroy()
	db, err := grocksdb.OpenDb(options, r.Dir())
	if err != nil {
		return err
	}
	defer db.Close()
	how := grocksdb.NewDefaultWriteOptions()
	defer how.Destroy()
	order := shared.WriteOrder(pairs, rng)
	for n := range order {
		batch := grocksdb.NewWriteBatch()
		putWithPast(batch, order, n, rng)
		err := db.Write(how, batch)
		batch.Destroy()
		if err != nil {
			return err
		}
		if rng.Intn(300) == 0 {
			db.CompactRange(grocksdb.Range{Start: order[rng.Intn(n+1)].Key})
		}
	}
	return nil
}

func putWithPast(batch *grocksdb.WriteBatch, order []shared.Pair, n int, rng *rand.Rand) {
	p := order[n]
	if rng.Intn(6) == 0 {
		batch.Put(p.Key, append([]byte("old-"), p.Value...))
		if rng.Intn(2) == 0 {
			batch.Delete(p.Key)
		}
	}
	batch.Put(p.Key, p.Value)
	if n > 0 && rng.Intn(10) == 0 {
		old := order[rng.Intn(n)]
		batch.Put(old.Key, old.Value)
	}
	if !strings.HasPrefix(string(p.Key), "H:") || rng.Intn(8) > 0 {
		return
	}
	ghost := fmt.Sprintf("P:%d:700", shared.HeightOf(p))
	batch.Put([]byte(fmt.Sprintf("%s%d", ghost, rng.Intn(10))), p.Value)
	if rng.Intn(2) == 0 {
		batch.DeleteRange([]byte(ghost), []byte(ghost[:len(ghost)-1]+"1"))
		return
	}
	for i := range 10 {
		batch.Delete([]byte(fmt.Sprintf("%s%d", ghost, i)))
	}
}
