// SPDX-License-Identifier: Apache-2.0

package main

import (
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// Where 0.38 and 0.40 differ.

const release = "0.40"

func setAuthority(params *types.ConsensusParams, name string) { params.Authority.Authority = name }

func changeAuthority(update *paramUpdate, name string) {
	update.Authority = &cmtproto.AuthorityParams{Authority: name}
}
