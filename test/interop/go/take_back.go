// SPDX-License-Identifier: Apache-2.0

package main

import "cmtoracle/shared"

// takeBack deletes the last block as often as asked, as a hard rollback does with the block store.
func takeBack(r *shared.Request, s *stores) (shared.Reply, error) {
	for range r.Heights {
		if err := s.blocks.DeleteLatestBlock(); err != nil {
			return nil, err
		}
	}
	return shared.Reply{"base": s.blocks.Base(), "height": s.blocks.Height()}, nil
}
