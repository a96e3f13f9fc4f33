// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble"

	"cmtoracle/shared"
)

// quiet drops what pebble has to say but fatal errors.
type quiet struct{}

func (quiet) Infof(string, ...interface{})              {}
func (quiet) Errorf(string, ...interface{})             {}
func (quiet) Fatalf(format string, args ...interface{}) { panic(fmt.Sprintf(format, args...)) }

// openPebble opens the database that the request names with CometBFT's options, all defaults.
func openPebble(r *shared.Request, write bool) (*pebble.DB, error) {
	return pebble.Open(r.Dir(), &pebble.Options{ReadOnly: !write, ErrorIfNotExists: true, Logger: quiet{}})
}

// dumpPebble is shared.Dump for pebble; pebble also checks the order of its levels.
func dumpPebble(r *shared.Request) (reply shared.Reply, err error) {
	db, err := openPebble(r, r.Write)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return shared.DumpLines(r, func(w io.Writer) (int, error) {
		pairs, err := writePairs(db, w, r.Gets)
		return pairs, errors.Join(err, db.CheckLevels(nil))
	})
}

func writePairs(db *pebble.DB, w io.Writer, gets bool) (pairs int, err error) {
	it, err := db.NewIter(nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for valid := it.First(); valid; valid = it.Next() {
		shared.WriteLine(w, it.Key(), it.Value())
		pairs++
		if !gets {
			continue
		}
		value, closer, err := db.Get(it.Key())
		if err != nil || !bytes.Equal(value, it.Value()) {
			return 0, fmt.Errorf("get of %q does not give what the iterator saw: %v", it.Key(), err)
		}
		if err := closer.Close(); err != nil {
			return 0, err
		}
	}
	return pairs, it.Error()
}

// compactPebble compacts both databases as CometBFT's Compact(nil, nil) does.
func compactPebble(r *shared.Request) (shared.Reply, error) {
	return shared.Reply{}, eachPebble(r, func(db *pebble.DB) error {
		it, err := db.NewIter(nil)
		if err != nil {
			return err
		}
		var first, last []byte
		if it.First() {
			first = append(first, it.Key()...)
		}
		if it.Last() {
			last = append(last, it.Key()...)
		}
		if err := it.Close(); err != nil || len(last) == 0 {
			return err
		}
		return db.Compact(first, append(last, 0), true)
	})
}

func eachPebble(r *shared.Request, do func(*pebble.DB) error) error {
	for _, name := range shared.Databases {
		one := *r
		one.DB = name
		db, err := openPebble(&one, true)
		if err != nil {
			return err
		}
		if err := errors.Join(do(db), db.Close()); err != nil {
			return err
		}
	}
	return nil
}

// levelsPebble says how many tables stand on each level of one database.
func levelsPebble(r *shared.Request) (reply shared.Reply, err error) {
	db, err := openPebble(r, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	levels := []int64{}
	for _, level := range db.Metrics().Levels {
		levels = append(levels, level.NumFiles)
	}
	return shared.Reply{"levels": levels}, nil
}

// holdPebble keeps both databases open, and so locked as a node locks them, until stdin ends.
func holdPebble(r *shared.Request) (shared.Reply, error) {
	for _, name := range shared.Databases {
		one := *r
		one.DB = name
		db, err := openPebble(&one, true)
		if err != nil {
			return nil, err
		}
		defer db.Close()
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin)
	return shared.Reply{}, err
}
