// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/vfs"

	"cmtoracle/shared"
)

// shapePebble is shared.Shape for pebble: the pairs of both databases, written with options that give small
// tables, several levels, indexes of two levels, flushes cut in pieces and logs used again, and with a past.
func shapePebble(r *shared.Request) (shared.Reply, error) {
	rng := rand.New(rand.NewSource(r.Chain.Seed))
	for _, name := range shared.Databases {
		in, out := *r, *r
		in.DB, out.DB = name, name
		out.Home = r.Out
		pairs, err := readPairs(&in)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(out.Dir()), 0o755); err != nil {
			return nil, err
		}
		if err := writeShaped(&out, pairs, rng); err != nil {
			return nil, err
		}
	}
	return shared.Reply{}, shared.CopyConfig(r.Home, r.Out)
}

func readPairs(r *shared.Request) (pairs []shared.Pair, err error) {
	db, err := openPebble(r, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	it, err := db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for valid := it.First(); valid; valid = it.Next() {
		pairs = append(pairs, shared.Pair{
			Key: append([]byte{}, it.Key()...), Value: append([]byte{}, it.Value()...),
		})
	}
	return pairs, it.Error()
}

func shapedOptions(rng *rand.Rand) *pebble.Options {
	o := &pebble.Options{
		Logger:                      quiet{},
		FS:                          vfs.NewMem(),
		MemTableSize:                uint64(32<<10) << rng.Intn(4),
		FlushSplitBytes:             int64(4<<10) << rng.Intn(5),
		L0CompactionThreshold:       2 + rng.Intn(4),
		L0StopWritesThreshold:       100,
		LBaseMaxBytes:               int64(16<<10) << rng.Intn(4),
		DisableAutomaticCompactions: rng.Intn(4) == 0,
	}
	size := int64(4<<10) << rng.Intn(4)
	for range 7 {
		level := pebble.LevelOptions{
			TargetFileSize: size, BlockSize: 512 << rng.Intn(4), BlockRestartInterval: 1 << rng.Intn(5),
			IndexBlockSize: 128 << rng.Intn(6),
		}
		if rng.Intn(5) == 0 {
			level.Compression = pebble.NoCompression
		}
		o.Levels = append(o.Levels, level)
	}
	return o
}

func writeShaped(r *shared.Request, pairs []shared.Pair, rng *rand.Rand) error {
	o := shapedOptions(rng)
	db, err := pebble.Open("/db", o)
	if err != nil {
		return err
	}
	order := shared.WriteOrder(pairs, rng)
	for n := range order {
		if err := writeWithPast(db, order, n, rng, r.Ranges); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	if r.Ranges { // in tables, not in the log
		err = db.Flush()
	}
	if r.LogRanges {
		err = errors.Join(err, db.DeleteRange([]byte("ghost"), []byte("ghosts"), pebble.Sync))
	}
	if err == nil && r.Crash {
		err = leave(db, o, r.Dir())
		return errors.Join(err, db.Close())
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return export(o, r.Dir())
}

// leave copies the files as a killed process would leave them: nothing is closed, nothing is running.
func leave(db *pebble.DB, o *pebble.Options, dir string) error {
	if err := db.LogData(nil, pebble.Sync); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		m := db.Metrics()
		if m.Compact.NumInProgress == 0 && m.Flush.NumInProgress == 0 && m.MemTable.Count == 1 {
			return export(o, dir)
		}
		if time.Now().After(deadline) {
			return errors.New("pebble does not come to rest")
		}
	}
}

func export(o *pebble.Options, dir string) error {
	_, err := vfs.Clone(o.FS, vfs.Default, "/db", dir)
	return err
}

func writeWithPast(db *pebble.DB, order []shared.Pair, n int, rng *rand.Rand, ranges bool) error {
	p := order[n]
	var errs []error
	if rng.Intn(6) == 0 {
		errs = append(errs, db.Set(p.Key, append([]byte("old-"), p.Value...), pebble.NoSync))
		switch rng.Intn(3) {
		case 0:
			errs = append(errs, db.Delete(p.Key, pebble.NoSync))
		case 1:
			if ranges { // the key alone
				errs = append(errs, db.DeleteRange(p.Key, append(append([]byte{}, p.Key...), 0), pebble.NoSync))
			}
		}
	}
	batch := db.NewBatch()
	errs = append(errs, batch.Set(p.Key, p.Value, nil))
	if n > 0 && rng.Intn(10) == 0 {
		old := order[rng.Intn(n)]
		errs = append(errs, batch.Set(old.Key, old.Value, nil))
	}
	if rng.Intn(20) == 0 {
		errs = append(errs, batch.LogData([]byte("a comment"), nil))
	}
	errs = append(errs, batch.Commit(pebble.NoSync))
	if strings.HasPrefix(string(p.Key), "H:") && rng.Intn(8) == 0 {
		errs = append(errs, ghosts(db, shared.HeightOf(p), p.Value, ranges))
	}
	return errors.Join(errs...)
}

// ghosts are parts that came and went.
func ghosts(db *pebble.DB, height int64, value []byte, ranges bool) error {
	var errs []error
	key := func(n int) []byte { return []byte(fmt.Sprintf("P:%d:%d", height, 7000+n)) }
	for n := range 3 {
		errs = append(errs, db.Set(key(n), value, pebble.NoSync))
	}
	if ranges {
		errs = append(errs, db.DeleteRange(key(0), key(3), pebble.NoSync))
	} else {
		for n := range 3 {
			errs = append(errs, db.Delete(key(n), pebble.NoSync))
		}
	}
	return errors.Join(errs...)
}
