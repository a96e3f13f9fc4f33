// SPDX-License-Identifier: Apache-2.0

// cmtbench makes the databases that the benchmarks prune, and prunes, compacts and reads them with
// CometBFT's own code.  bench/README.md says what the benchmarks are.
//
//	cmtbench gen     -o HOME -n HEIGHTS ...   a chain: data/blockstore.db, data/state.db, config/genesis.json
//	cmtbench prune   -d HOME -retain R        PruneBlocks, then PruneStates, as the node does
//	cmtbench compact -d HOME                  Compact(nil, nil) on both databases
//	cmtbench blocks  -d HOME -o DIR           SaveBlock into a new store, then LoadBlock: how fast
//	cmtbench apply   -d HOME -o DIR           ApplyBlock into a new state store: how fast
//	cmtbench foreground -d HOME               blocks saved while what was pruned is compacted: how long each takes
//	cmtbench dump    -d HOME -db NAME         number of pairs and digest; with -list each pair too
//
// Every command opens the databases and so changes their files; dump a copy.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

const usage = "usage: cmtbench gen|prune|compact|blocks|apply|foreground|dump [OPTION...]; cmtbench COMMAND -h lists the options"

func run(command string, args []string) error {
	flags := flag.NewFlagSet("cmtbench "+command, flag.ExitOnError)
	var home string
	if command != "gen" {
		flags.StringVar(&home, "d", "", "home directory")
	}
	switch command {
	case "gen":
		var o genOptions
		o.register(flags)
		_ = flags.Parse(args) // exits by itself
		return o.generate()
	case "prune":
		retain := flags.Int64("retain", 0, "lowest height to keep")
		_ = flags.Parse(args)
		return prune(home, *retain)
	case "compact":
		_ = flags.Parse(args)
		return compact(home)
	case "blocks":
		out := flags.String("o", "", "directory of the new block store")
		engine := flags.String("backend", "goleveldb", "its engine: goleveldb or rocksdb")
		_ = flags.Parse(args)
		return blocks(home, *out, *engine)
	case "apply":
		out := flags.String("o", "", "directory of the new state store")
		unsigned := flags.Bool("unsigned", false, "validate all but the signatures")
		_ = flags.Parse(args)
		return apply(home, *out, !*unsigned)
	case "foreground":
		var o foregroundOptions
		o.register(flags)
		_ = flags.Parse(args)
		o.home = home
		return foreground(&o)
	case "dump":
		name := flags.String("db", "blockstore", "blockstore or state")
		list := flags.Bool("list", false, "print key, length and SHA-256 of each value")
		_ = flags.Parse(args)
		return dump(home, *name, *list)
	}
	return errors.New(usage)
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "cmtbench:", err)
		os.Exit(1)
	}
}
