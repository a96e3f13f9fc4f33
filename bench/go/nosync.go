// SPDX-License-Identifier: Apache-2.0

package main

import dbm "github.com/cometbft/cometbft-db"

// noSyncDB writes without waiting for the disk, so that hundreds of thousands of heights are made in
// minutes.  The contents are the same.
type noSyncDB struct{ dbm.DB }

func withoutSync(db dbm.DB) dbm.DB { return noSyncDB{db} }

func (db noSyncDB) SetSync(key, value []byte) error { return db.Set(key, value) }

func (db noSyncDB) DeleteSync(key []byte) error { return db.Delete(key) }

func (db noSyncDB) NewBatch() dbm.Batch { return noSyncBatch{db.DB.NewBatch()} }

type noSyncBatch struct{ dbm.Batch }

func (b noSyncBatch) WriteSync() error { return b.Write() }
