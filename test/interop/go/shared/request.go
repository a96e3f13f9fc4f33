// SPDX-License-Identifier: Apache-2.0

// Package shared holds what the oracles of all CometBFT lines have in common: the commands that
// need goleveldb only, the choices that make a chain, and the two ways of being asked (flags, or
// JSON lines on stdin).
package shared

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Request is one command, from flags or from one JSON line.
type Request struct {
	Op string `json:"op"`

	Home string `json:"home"` // holds config/ and data/
	DB   string `json:"db"`   // blockstore or state
	Out  string `json:"out"`  // file of lines (dump) or home (shape)

	Retain  int64 `json:"retain"`
	Heights int64 `json:"heights"`
	Hard    bool  `json:"hard"` // rollback: take the last block away, too
	Gets    bool  `json:"gets"`
	Write   bool  `json:"write"` // dump: open as a node does, not read-only

	Set    map[string]string `json:"set"` // hex to hex
	Delete []string          `json:"delete"`

	TableSize   int  `json:"table_size"`
	WriteBuffer int  `json:"write_buffer"`
	Crash       bool `json:"crash"`      // leave the directory as a killed process would
	Ranges      bool `json:"ranges"`     // pebble: range deletions in tables
	LogRanges   bool `json:"log_ranges"` // and in the log

	Flips int    `json:"flips"` // record: how many damaged copies of each block are judged
	Stop  int64  `json:"stop"`  // record: end before that, after so many heights
	Lines string `json:"lines"` // record: the databases at the end, as lines, into files that begin so

	Script    []string `json:"script"`    // prune-service: steps
	Companion bool     `json:"companion"` // prune-service: with a data companion

	Chain Chain `json:"chain"`
}

// Dir is the database directory that the request names.
func (r *Request) Dir() string { return filepath.Join(r.Home, "data", r.DB+".db") }

// Chain says how a chain is made.  Kept in the home, so that append goes on in the same way.
type Chain struct {
	ID            string        `json:"id"`
	Seed          int64         `json:"seed"`
	Initial       int64         `json:"initial"`
	Validators    int           `json:"validators"`
	MaxTxs        int           `json:"max_txs"`
	TxBytes       int           `json:"tx_bytes"`
	ValidatorStep int64         `json:"validator_step"` // a validator update every so many heights
	ParamStep     int64         `json:"param_step"`
	EvidenceStep  int64         `json:"evidence_step"`
	ExtensionFrom int64         `json:"extension_from"` // vote extensions from this height
	EvidenceAge   int64         `json:"evidence_age"`   // blocks, and as many block times
	BlockTime     time.Duration `json:"block_time"`
	Discard       bool          `json:"discard"`       // results are not kept
	RetainBlocks  int64         `json:"retain_blocks"` // what the application asks to keep
	Backend       string        `json:"backend"`       // of a new home: goleveldb, or pebbledb (1.0 only)
	Layout        string        `json:"layout"`        // key layout v1 or v2 of a 1.0 store
}

func (c *Chain) complete() {
	setDefault(&c.ID, "cmtgen-1")
	setDefault(&c.Seed, 1)
	setDefault(&c.Initial, 1)
	setDefault(&c.Validators, 4)
	setDefault(&c.MaxTxs, 4)
	setDefault(&c.TxBytes, 300)
	setDefault(&c.EvidenceAge, 20)
	setDefault(&c.BlockTime, time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func chainFile(home string) string { return filepath.Join(home, "config", "oracle.json") }

// SaveChain keeps the chain's options for a later append.
func SaveChain(home string, c Chain) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(chainFile(home), text, 0o644)
}

// LoadChain reads them back.  A home that was not made here gets the defaults.
func LoadChain(home string) (c Chain, err error) {
	text, err := os.ReadFile(chainFile(home))
	if err == nil {
		err = json.Unmarshal(text, &c)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	c.complete()
	return c, err
}

// Reply is what a command has found out.
type Reply map[string]any

// Command carries out one request.
type Command func(*Request) (Reply, error)

// Main runs one command given by flags, or serves JSON lines.
func Main(commands map[string]Command) {
	for name, command := range map[string]Command{
		"dump": Dump, "compact": Compact, "shape": Shape, "mutate": Mutate, "stat": Stat, "hold": Hold,
	} {
		if commands[name] == nil { // a line may have one of its own
			commands[name] = command
		}
	}
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		if err := serve(commands, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "cmtoracle:", err)
			os.Exit(1)
		}
		return
	}
	reply, err := runFlags(commands, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cmtoracle:", err)
		os.Exit(1)
	}
	text, _ := json.Marshal(reply)
	fmt.Println(string(text))
}

func run(commands map[string]Command, r *Request) (reply Reply, err error) {
	// CometBFT panics where its data surprises it; that is an answer too.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	command, ok := commands[r.Op]
	if !ok {
		return nil, fmt.Errorf("no command %q", r.Op)
	}
	r.Chain.complete()
	return command(r)
}

func serve(commands map[string]Command, in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var r Request
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		reply, err := run(commands, &r)
		if err != nil {
			reply = Reply{"error": err.Error()}
		}
		text, err := json.Marshal(reply)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(text, '\n')); err != nil {
			return err
		}
	}
}

func runFlags(commands map[string]Command, args []string) (Reply, error) {
	if len(args) == 0 {
		return nil, errors.New("usage: cmtoracle COMMAND [flags]; the commands stand at the top of main.go")
	}
	r := Request{Op: args[0], Set: map[string]string{}}
	fs := flag.NewFlagSet(r.Op, flag.ExitOnError)
	fs.StringVar(&r.Home, "home", "", "home directory")
	fs.StringVar(&r.DB, "db", "blockstore", "blockstore or state")
	fs.StringVar(&r.Out, "out", "", "file (dump) or home (shape)")
	fs.Int64Var(&r.Retain, "retain", 0, "retain height")
	fs.Int64Var(&r.Heights, "heights", 100, "how many heights to make")
	fs.BoolVar(&r.Hard, "hard", false, "rollback: take the last block away, too")
	fs.BoolVar(&r.Gets, "gets", false, "get every key besides iterating")
	fs.BoolVar(&r.Write, "write", false, "open for writing, as a node does")
	fs.IntVar(&r.TableSize, "table-size", 0, "bytes; 0: by seed")
	fs.IntVar(&r.WriteBuffer, "write-buffer", 0, "bytes; 0: by seed")
	fs.BoolVar(&r.Crash, "crash", false, "leave the directory as a killed process would")
	fs.Func("set", "KEYHEX=VALUEHEX", func(s string) error {
		for i := range s {
			if s[i] == '=' {
				r.Set[s[:i]] = s[i+1:]
				return nil
			}
		}
		return errors.New("KEYHEX=VALUEHEX wanted")
	})
	fs.Func("delete", "KEYHEX", func(s string) error { r.Delete = append(r.Delete, s); return nil })
	c := &r.Chain
	fs.StringVar(&c.ID, "chain-id", "", "chain id")
	fs.Int64Var(&c.Seed, "seed", 0, "everything follows from it")
	fs.Int64Var(&c.Initial, "initial", 0, "initial height")
	fs.IntVar(&c.Validators, "validators", 0, "validators at genesis")
	fs.IntVar(&c.MaxTxs, "max-txs", 0, "most transactions of a block")
	fs.IntVar(&c.TxBytes, "tx-bytes", 0, "most bytes of a transaction")
	fs.Int64Var(&c.ValidatorStep, "validator-step", 0, "validator update every so many heights")
	fs.Int64Var(&c.ParamStep, "param-step", 0, "parameter update every so many heights")
	fs.Int64Var(&c.EvidenceStep, "evidence-step", 0, "evidence every so many heights")
	fs.Int64Var(&c.ExtensionFrom, "extension-from", 0, "vote extensions from this height")
	fs.Int64Var(&c.EvidenceAge, "evidence-age", 0, "evidence window in blocks and in block times")
	fs.DurationVar(&c.BlockTime, "block-time", 0, "time between blocks")
	fs.StringVar(&c.Layout, "layout", "v1", "key layout of a 1.0 store")
	fs.BoolVar(&c.Discard, "discard", false, "results are not kept")
	fs.StringVar(&c.Backend, "backend", "", "of a new home: goleveldb or pebbledb")
	fs.BoolVar(&r.Ranges, "ranges", false, "shape: range deletions in tables (pebble)")
	fs.BoolVar(&r.LogRanges, "log-ranges", false, "shape: range deletions in the log (pebble)")
	fs.Int64Var(&c.RetainBlocks, "retain-blocks", 0, "what the application asks to keep")
	if err := fs.Parse(args[1:]); err != nil {
		return nil, err
	}
	return run(commands, &r)
}
