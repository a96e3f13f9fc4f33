// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"cmtoracle/shared"
)

// takeBack deletes the last block as often as asked, as a hard rollback does with the block store.
func takeBack(r *shared.Request) (reply shared.Reply, err error) {
	chain, err := shared.LoadChain(r.Home)
	if err != nil {
		return nil, err
	}
	s, err := openStores(r.Home, chain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range r.Heights {
		if err := s.blocks.DeleteLatestBlock(); err != nil {
			return nil, err
		}
	}
	return shared.Reply{"base": s.blocks.Base(), "height": s.blocks.Height()}, nil
}
