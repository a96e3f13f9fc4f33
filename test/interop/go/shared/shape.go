// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
)

// Pair is a key and its value.
type Pair struct{ Key, Value []byte }

// Shape writes the pairs of both databases of a home into another home, through goleveldb with
// options that give small tables and many levels, and with a past: older versions, deletes, keys
// written again, keys that came and went.
func Shape(r *Request) (Reply, error) {
	return Reshape(r, readAll, func(out *Request, pairs []Pair, rng *rand.Rand) error {
		return writeShaped(out.Dir(), pairs, shapeOptions(r, rng), rng, r.Crash)
	})
}

// Reshape writes the pairs of both databases of a home into another home, the way that write chooses.
func Reshape(r *Request, read func(*Request) ([]Pair, error),
	write func(*Request, []Pair, *rand.Rand) error) (Reply, error) {
	rng := rand.New(rand.NewSource(r.Chain.Seed))
	for _, name := range Databases {
		in, out := *r, *r
		in.DB, out.DB = name, name
		out.Home = r.Out
		pairs, err := read(&in)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(out.Dir()), 0o755); err != nil {
			return nil, err
		}
		if err := write(&out, pairs, rng); err != nil {
			return nil, err
		}
	}
	return Reply{}, CopyConfig(r.Home, r.Out)
}

func readAll(r *Request) ([]Pair, error) {
	db, err := leveldb.OpenFile(r.Dir(), &opt.Options{ReadOnly: true, ErrorIfMissing: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var pairs []Pair
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		pairs = append(pairs, Pair{append([]byte{}, it.Key()...), append([]byte{}, it.Value()...)})
	}
	return pairs, it.Error()
}

func shapeOptions(r *Request, rng *rand.Rand) *opt.Options {
	table, buffer := r.TableSize, r.WriteBuffer
	if table == 0 {
		table = 2048 << rng.Intn(4)
	}
	if buffer == 0 {
		buffer = 4096 << rng.Intn(5)
	}
	o := &opt.Options{
		WriteBuffer:                   buffer,
		CompactionTableSize:           table,
		CompactionTotalSize:           table * 4,
		CompactionTotalSizeMultiplier: 4,
		BlockSize:                     512 << rng.Intn(4),
		BlockRestartInterval:          1 << rng.Intn(5),
		NoSync:                        true, // no process of ours ends here by losing power
		// With such a small buffer goleveldb's shortcut for large batches can put a newer version of a
		// key below an older one, where its own Get does not look.
		DisableLargeBatchTransaction: true,
	}
	if rng.Intn(4) == 0 {
		o.Compression = opt.NoCompression
	}
	return o
}

func writeShaped(dir string, pairs []Pair, o *opt.Options, rng *rand.Rand, crash bool) error {
	files, err := storage.OpenFile(dir, false)
	if err != nil {
		return err
	}
	defer files.Close()
	freezer := &freezer{Storage: files}
	db, err := leveldb.Open(freezer, o)
	if err != nil {
		return err
	}
	order := WriteOrder(pairs, rng)
	for n := range order {
		if err := writeWithPast(db, order, n, rng); err != nil {
			return err
		}
	}
	if !crash {
		return db.Close()
	}
	freezer.frozen.Store(true)
	_ = db.Close() // fails by design: nothing can be written any more
	return nil
}

// WriteOrder sorts by height, as a node writes, but not strictly.
func WriteOrder(pairs []Pair, rng *rand.Rand) []Pair {
	type ranked struct {
		Pair
		rank int64
	}
	all := make([]ranked, len(pairs))
	for i, p := range pairs {
		all[i] = ranked{p, HeightOf(p)*4 + rng.Int63n(40)}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].rank < all[j].rank })
	order := make([]Pair, len(all))
	for i := range all {
		order[i] = all[i].Pair
	}
	return order
}

// HeightOf is the height that a pair belongs to.
func HeightOf(p Pair) int64 {
	fields := strings.Split(string(p.Key), ":")
	text := ""
	if fields[0] == "BH" {
		text = string(p.Value)
	} else if len(fields) > 1 {
		text = fields[1]
	}
	height, err := strconv.ParseInt(text, 10, 62)
	if err != nil {
		return 1 << 40 // the keys without a height are written last
	}
	return height
}

func writeWithPast(db *leveldb.DB, order []Pair, n int, rng *rand.Rand) error {
	p := order[n]
	var errs []error
	if rng.Intn(6) == 0 {
		errs = append(errs, db.Put(p.Key, append([]byte("old-"), p.Value...), nil))
		if rng.Intn(2) == 0 {
			errs = append(errs, db.Delete(p.Key, nil))
		}
	}
	batch := new(leveldb.Batch)
	batch.Put(p.Key, p.Value)
	if n > 0 && rng.Intn(10) == 0 {
		old := order[rng.Intn(n)]
		batch.Put(old.Key, old.Value)
	}
	errs = append(errs, db.Write(batch, nil))
	if strings.HasPrefix(string(p.Key), "H:") && rng.Intn(8) == 0 {
		ghost := []byte(fmt.Sprintf("P:%d:%d", HeightOf(p), 7000+rng.Intn(9)))
		errs = append(errs, db.Put(ghost, p.Value, nil), db.Delete(ghost, nil))
	}
	return errors.Join(errs...)
}

// CopyConfig copies what stands beside the databases.
func CopyConfig(from, to string) error {
	if err := os.MkdirAll(filepath.Join(to, "config"), 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(from, "config"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, "config", e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, "config", e.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// freezer is a storage that can stop changing from one instant to the next, as it does when the
// process is killed, while this process lives on.
type freezer struct {
	storage.Storage
	frozen atomic.Bool
}

var errFrozen = errors.New("frozen")

func (f *freezer) SetMeta(fd storage.FileDesc) error {
	if f.frozen.Load() {
		return errFrozen
	}
	return f.Storage.SetMeta(fd)
}

func (f *freezer) Create(fd storage.FileDesc) (storage.Writer, error) {
	if f.frozen.Load() {
		return nil, errFrozen
	}
	w, err := f.Storage.Create(fd)
	return frozenWriter{w, f}, err
}

func (f *freezer) Remove(fd storage.FileDesc) error {
	if f.frozen.Load() {
		return errFrozen
	}
	return f.Storage.Remove(fd)
}

func (f *freezer) Rename(from, to storage.FileDesc) error {
	if f.frozen.Load() {
		return errFrozen
	}
	return f.Storage.Rename(from, to)
}

type frozenWriter struct {
	storage.Writer
	f *freezer
}

func (w frozenWriter) Write(p []byte) (int, error) {
	if w.f.frozen.Load() {
		return 0, errFrozen
	}
	return w.Writer.Write(p)
}
