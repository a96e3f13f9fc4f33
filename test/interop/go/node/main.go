// SPDX-License-Identifier: Apache-2.0

// cometbft is CometBFT's own program, as far as the tests need it: init and start.  Built with the tag rocksdb it
// can use that engine; what `go install` builds cannot, because the RocksDB of the system takes a `replace`.
package main

import (
	"os"

	"github.com/cometbft/cometbft/cmd/cometbft/commands"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/cli"
	"github.com/cometbft/cometbft/node"
)

func main() {
	root := commands.RootCmd
	root.AddCommand(commands.InitFilesCmd, commands.NewRunNodeCmd(node.DefaultNewNode))
	command := cli.PrepareBaseCmd(root, "CMT", os.ExpandEnv("$HOME/"+config.DefaultTendermintDir))
	if err := command.Execute(); err != nil {
		os.Exit(1)
	}
}
