// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	dbm "github.com/cometbft/cometbft-db"
)

// transcript is a file of records: a letter, a length (4 bytes, little endian), bytes.  In the order in which
// things happen, so that whoever makes the chain again reads it from one end to the other.
//
//	O  options, as text       G J  genesis.json, its app_state       S  the application's version
//	t  what the application was told, as text
//	p v a  what it answered to InitChain: parameters, a validator, the app hash
//	l  the extended commit that the next block is proposed with; empty before the first
//	E e  most bytes of evidence, what there was          R m  most bytes and gas, transactions reaped
//	T  a transaction chosen       b  the block
//	f V  damaged copies of the block, and others like it, with CometBFT's decision
//	A  the application's opinion of the block
//	s x  the commit, the extended commit that it is saved with
//	r k  results, retain height   F  the block cannot be applied
//	c  the data companion's retain height
//	d  digests of both databases
type transcript struct {
	file *os.File
	out  *bufio.Writer
	err  error
}

func newTranscript(path string) (*transcript, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &transcript{file: file, out: bufio.NewWriterSize(file, 1<<18)}, nil
}

func (t *transcript) close() error {
	return errors.Join(t.err, t.out.Flush(), t.file.Close())
}

func (t *transcript) put(letter byte, data []byte) {
	head := [5]byte{letter}
	binary.LittleEndian.PutUint32(head[1:], uint32(len(data)))
	_, err := t.out.Write(head[:])
	_, err2 := t.out.Write(data)
	t.err = errors.Join(t.err, err, err2)
}

func (t *transcript) text(letter byte, format string, args ...any) {
	t.put(letter, []byte(fmt.Sprintf(format, args...)))
}

type marshaler interface{ Marshal() ([]byte, error) }

func (t *transcript) message(letter byte, m marshaler) {
	data, err := m.Marshal()
	t.err = errors.Join(t.err, err)
	t.put(letter, data)
}

// digests: of each database, its pairs in order, each with both lengths in front (4 bytes, little endian).
func (t *transcript) digests(s *stores) error {
	var both []byte
	for _, db := range []dbm.DB{s.blockDB, s.stateDB} {
		hash := sha256.New()
		err := eachPair(db, func(key, value []byte) error {
			var lengths [8]byte
			binary.LittleEndian.PutUint32(lengths[:], uint32(len(key)))
			binary.LittleEndian.PutUint32(lengths[4:], uint32(len(value)))
			hash.Write(lengths[:])
			hash.Write(key)
			hash.Write(value)
			return nil
		})
		if err != nil {
			return err
		}
		both = hash.Sum(both)
	}
	t.put('d', both)
	return nil
}

// eachPair goes through one database in key order; what it hands out is copied.
func eachPair(db dbm.DB, do func(key, value []byte) error) (err error) {
	it, err := db.Iterator(nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Error(), it.Close()) }()
	for ; it.Valid(); it.Next() {
		if err := do(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return nil
}

// writeLines writes one database as lines: key, value, in hex.
func writeLines(db dbm.DB, path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	defer func() { err = errors.Join(err, out.Flush(), file.Close()) }()
	return eachPair(db, func(key, value []byte) error {
		_, err := fmt.Fprintf(out, "%s %s\n", hex.EncodeToString(key), hex.EncodeToString(value))
		return err
	})
}
