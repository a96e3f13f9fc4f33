// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/vfs"

	"cmtoracle/shared"
)

// shapePebble is shared.Shape for pebble: the pairs of both databases, written with options that give small
// tables, several levels, indexes of two levels, flushes cut in pieces and logs used again, and with a past.
func shapePebble(r *shared.Request) (shared.Reply, error) {
	return shared.Reshape(r, readPairs, writeShaped)
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
	past := &past{db: db, rng: rng, ranges: r.Ranges}
	for n := range order {
		if err := past.write(order, n); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	err = past.end()
	if r.Ranges { // in tables, not in the log
		err = errors.Join(err, db.Flush())
		for _, p := range order[len(order)-min(40, len(order)):] {
			err = errors.Join(err, db.Set(p.Key, p.Value, pebble.NoSync))
		}
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
	seen := int64(-1)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		m := db.Metrics()
		busy := m.Compact.NumInProgress + m.Flush.NumInProgress + m.Table.ObsoleteCount + m.Table.ZombieCount
		done := m.Compact.Count + m.Flush.Count
		if busy > 0 || m.MemTable.Count > 1 || done != seen { // at rest only if it was so before
			seen = done
			continue
		}
		if err := export(o, dir); err != nil {
			return err
		}
		m = db.Metrics()
		if m.Compact.NumInProgress+m.Flush.NumInProgress == 0 && m.Compact.Count+m.Flush.Count == done {
			return nil
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return errors.New("pebble does not come to rest")
}

func export(o *pebble.Options, dir string) error {
	_, err := vfs.Clone(o.FS, vfs.Default, "/db", dir)
	return err
}

// past writes pairs together with what came before them and went.
type past struct {
	db     *pebble.DB
	rng    *rand.Rand
	ranges bool
	ghosts []int64 // heights with parts that still have to go
}

func (w *past) write(order []shared.Pair, n int) error {
	p := order[n]
	var errs []error
	if w.rng.Intn(6) == 0 {
		errs = append(errs, w.db.Set(p.Key, append([]byte("old-"), p.Value...), pebble.NoSync))
		switch w.rng.Intn(3) {
		case 0:
			errs = append(errs, w.db.Delete(p.Key, pebble.NoSync))
		case 1:
			if w.ranges { // the key alone
				errs = append(errs, w.db.DeleteRange(p.Key, append(append([]byte{}, p.Key...), 0), pebble.NoSync))
			}
		}
	}
	batch := w.db.NewBatch()
	errs = append(errs, batch.Set(p.Key, p.Value, nil))
	if n > 0 && w.rng.Intn(10) == 0 {
		old := order[w.rng.Intn(n)]
		errs = append(errs, batch.Set(old.Key, old.Value, nil))
	}
	if w.rng.Intn(20) == 0 {
		errs = append(errs, batch.LogData([]byte("a comment"), nil))
	}
	errs = append(errs, batch.Commit(pebble.NoSync))
	if strings.HasPrefix(string(p.Key), "H:") && w.rng.Intn(4) == 0 {
		errs = append(errs, w.haunt(shared.HeightOf(p), p.Value))
	}
	if len(w.ghosts) > 12 {
		errs = append(errs, w.exorcise())
	}
	return errors.Join(errs...)
}

// end removes what must not stay.
func (w *past) end() error {
	var errs []error
	for len(w.ghosts) > 0 {
		errs = append(errs, w.exorcise())
	}
	return errors.Join(errs...)
}

func ghost(height int64, n int) []byte { return []byte(fmt.Sprintf("P:%d:%d", height, 7000+n)) }

// haunt writes parts that no block has.
func (w *past) haunt(height int64, value []byte) error {
	w.ghosts = append(w.ghosts, height)
	var errs []error
	for n := range 3 {
		errs = append(errs, w.db.Set(ghost(height, n), value, pebble.NoSync))
	}
	return errors.Join(errs...)
}

// exorcise removes the oldest of them, which by then stand in tables.
func (w *past) exorcise() error {
	height := w.ghosts[0]
	w.ghosts = w.ghosts[1:]
	if w.ranges {
		return w.db.DeleteRange(ghost(height, 0), ghost(height, 900), pebble.NoSync)
	}
	var errs []error
	for n := range 3 {
		errs = append(errs, w.db.Delete(ghost(height, n), pebble.NoSync))
	}
	return errors.Join(errs...)
}
