// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/cometbft/cometbft/types"

// Where 0.38 and 0.40 differ: ../go-0.40 has its own.

const release = "0.38"

func setAuthority(*types.ConsensusParams, string) {}

func changeAuthority(*paramUpdate, string) {}
