// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// Databases of a home.
var Databases = []string{"blockstore", "state"}

// Dump writes one line per pair in key order: key in hex, value length, SHA-256 of the value.  The
// digest is the SHA-256 of these lines.
func Dump(r *Request) (Reply, error) {
	db, err := leveldb.OpenFile(r.Dir(), &opt.Options{ReadOnly: !r.Write, ErrorIfMissing: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()

	return DumpLines(r, func(w io.Writer) (pairs int, err error) {
		it := db.NewIterator(nil, nil)
		defer it.Release()
		for ; it.Next(); pairs++ {
			WriteLine(w, it.Key(), it.Value())
			if !r.Gets {
				continue
			}
			value, err := db.Get(it.Key(), nil)
			if err != nil || !bytes.Equal(value, it.Value()) {
				return 0, fmt.Errorf("get of %q does not give what the iterator saw: %v", it.Key(), err)
			}
		}
		return pairs, it.Error()
	})
}

// WriteLine writes the line of one pair.
func WriteLine(w io.Writer, key, value []byte) {
	fmt.Fprintf(w, "%x %d %x\n", key, len(value), sha256.Sum256(value))
}

// DumpLines takes the lines that write writes into the digest, and into the file that was asked for.
func DumpLines(r *Request, write func(io.Writer) (pairs int, err error)) (Reply, error) {
	digest := sha256.New()
	sink := io.Writer(digest)
	if r.Out != "" {
		file, err := os.Create(r.Out)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		sink = io.MultiWriter(digest, file)
	}
	w := bufio.NewWriterSize(sink, 1<<16)
	pairs, err := write(w)
	if err := errors.Join(err, w.Flush()); err != nil {
		return nil, err
	}
	return Reply{"pairs": pairs, "digest": hex.EncodeToString(digest.Sum(nil))}, nil
}

// Compact compacts the whole range of both databases, as CometBFT's Compact(nil, nil) does.
func Compact(r *Request) (Reply, error) {
	for _, name := range Databases {
		one := *r
		one.DB = name
		db, err := leveldb.OpenFile(one.Dir(), &opt.Options{ErrorIfMissing: true})
		if err != nil {
			return nil, err
		}
		if err := errors.Join(db.CompactRange(util.Range{}), db.Close()); err != nil {
			return nil, err
		}
	}
	return Reply{}, nil
}

// Mutate sets and deletes single keys of one database.
func Mutate(r *Request) (Reply, error) {
	db, err := leveldb.OpenFile(r.Dir(), &opt.Options{ErrorIfMissing: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	batch := new(leveldb.Batch)
	for k, v := range r.Set {
		key, err1 := hex.DecodeString(k)
		value, err2 := hex.DecodeString(v)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		batch.Put(key, value)
	}
	for _, k := range r.Delete {
		key, err := hex.DecodeString(k)
		if err != nil {
			return nil, err
		}
		batch.Delete(key)
	}
	return Reply{}, db.Write(batch, &opt.WriteOptions{Sync: true})
}

// Stat counts the tables of each level.
func Stat(r *Request) (Reply, error) {
	db, err := leveldb.OpenFile(r.Dir(), &opt.Options{ReadOnly: true, ErrorIfMissing: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	levels := []int{}
	for level := 0; level < 7; level++ {
		text, err := db.GetProperty("leveldb.num-files-at-level" + strconv.Itoa(level))
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		levels = append(levels, n)
	}
	return Reply{"levels": levels}, nil
}

// Hold keeps both databases open, and so locked as a node locks them, until stdin ends.
func Hold(r *Request) (Reply, error) {
	for _, name := range Databases {
		one := *r
		one.DB = name
		db, err := leveldb.OpenFile(one.Dir(), &opt.Options{ErrorIfMissing: true})
		if err != nil {
			return nil, err
		}
		defer db.Close()
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin)
	return Reply{}, err
}
