// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

const (
	chainID   = "bench-1"
	blockTime = time.Second

	// Evidence expires early, so that a prune is about the retain height.
	evidenceBlocks   = 20
	evidenceDuration = 20 * time.Second

	// In per cent: validators that do not vote, that vote nil, and commits of a later round.
	absentShare     = 5
	nilShare        = 3
	laterRoundShare = 4

	// With -valevery: keys that are not validators at first but may become some.
	spareKeys = 5
)

// The first block's commit is dated one blockTime after this.
var genesisTime = time.Date(2024, 1, 2, 3, 4, 5, 678901234, time.UTC)

type genOptions struct {
	home, engine      string
	heights, initial  int64
	validators        int
	valEvery          int64
	keepVals          bool
	maxTxs, txBytes   int
	abciBytes         int
	seed              int64
	withoutDurability bool
}

func (o *genOptions) register(flags *flag.FlagSet) {
	flags.StringVar(&o.home, "o", "", "home directory to make")
	flags.StringVar(&o.engine, "backend", "goleveldb", "goleveldb, or rocksdb and pebbledb if built with these tags")
	flags.Int64Var(&o.heights, "n", 100, "number of heights")
	flags.Int64Var(&o.initial, "initial", 1, "first height")
	flags.IntVar(&o.validators, "vals", 4, "validators at genesis")
	flags.Int64Var(&o.valEvery, "valevery", 0, "one validator update every so many heights; 0: none")
	flags.BoolVar(&o.keepVals, "keepvals", false, "validator updates change powers, and remove nobody")
	flags.IntVar(&o.maxTxs, "maxtx", 4, "most transactions in a block")
	flags.IntVar(&o.txBytes, "txbytes", 300, "most bytes in a transaction")
	flags.IntVar(&o.abciBytes, "abcibytes", 0, "mean bytes of events of a block with transactions; 0: few")
	flags.Int64Var(&o.seed, "seed", 1, "the same options and seed give the same contents")
	flags.BoolVar(&o.withoutDurability, "nosync", false, "do not wait for the disk at each height")
}

// chain is a chain in the making, driven as consensus drives the stores: SaveBlock, then ApplyBlock.
type chain struct {
	options  *genOptions
	rng      *rand.Rand
	keys     map[string]ed25519.PrivKey // by address
	stores   *stores
	executor *sm.BlockExecutor
	state    sm.State
	last     *types.Commit
}

func (o *genOptions) generate() (err error) {
	if o.home == "" || o.heights < 1 || o.initial < 1 || o.validators < 1 || o.maxTxs < 0 || o.txBytes < 1 {
		return errors.New("gen needs -o, and numbers above 0")
	}
	for _, folder := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(o.home, folder), 0o755); err != nil {
			return err
		}
	}
	c, err := newChain(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stores.close()) }()
	begin := time.Now()
	for height := o.initial; height < o.initial+o.heights; height++ {
		if err := c.addBlock(height); err != nil {
			return fmt.Errorf("height %d: %w", height, err)
		}
	}
	fmt.Printf("base=%d height=%d seconds=%.1f\n", c.stores.blocks.Base(), c.stores.blocks.Height(),
		time.Since(begin).Seconds())
	return nil
}

func newChain(o *genOptions) (*chain, error) {
	count := o.validators
	if o.valEvery > 0 {
		count += spareKeys
	}
	keys := make([]ed25519.PrivKey, count)
	c := &chain{options: o, rng: rand.New(rand.NewSource(o.seed)), keys: map[string]ed25519.PrivKey{}, last: &types.Commit{}}
	for i := range keys {
		keys[i] = ed25519.GenPrivKeyFromSecret([]byte(fmt.Sprintf("cmtgen-%d-%d", o.seed, i)))
		c.keys[keys[i].PubKey().Address().String()] = keys[i]
	}
	genesis := makeGenesis(o, keys[:o.validators])
	if err := genesis.ValidateAndComplete(); err != nil {
		return nil, err
	}
	if err := genesis.SaveAs(filepath.Join(o.home, "config", "genesis.json")); err != nil {
		return nil, err
	}
	var err error
	if c.state, err = sm.MakeGenesisState(genesis); err != nil {
		return nil, err
	}

	application := &app{options: o, keys: keys, active: map[string]bool{}, rng: rand.New(rand.NewSource(o.seed + 1))}
	for _, v := range genesis.Validators {
		application.active[v.Address.String()] = true
	}
	connections := proxy.NewAppConns(proxy.NewLocalClientCreator(application), proxy.NopMetrics())
	if err := connections.Start(); err != nil {
		return nil, err
	}

	var wrap func(dbm.DB) dbm.DB
	if o.withoutDurability {
		wrap = withoutSync
	}
	if c.stores, err = openStores(o.home, dbm.BackendType(o.engine), wrap); err != nil {
		return nil, err
	}
	c.executor = sm.NewBlockExecutor(c.stores.states, log.NewNopLogger(), connections.Consensus(),
		&mempool.NopMempool{}, sm.EmptyEvidencePool{}, c.stores.blocks)
	if err := c.stores.states.Save(c.state); err != nil {
		return nil, errors.Join(err, c.stores.close())
	}
	return c, nil
}

func makeGenesis(o *genOptions, keys []ed25519.PrivKey) *types.GenesisDoc {
	params := types.DefaultConsensusParams()
	params.Evidence.MaxAgeNumBlocks = evidenceBlocks
	params.Evidence.MaxAgeDuration = evidenceDuration
	genesis := &types.GenesisDoc{
		GenesisTime: genesisTime, ChainID: chainID, InitialHeight: o.initial, ConsensusParams: params, AppHash: []byte{},
	}
	for i, key := range keys {
		genesis.Validators = append(genesis.Validators, types.GenesisValidator{
			PubKey: key.PubKey(), Power: int64(10 + i*7), Name: fmt.Sprintf("v%d", i),
		})
	}
	return genesis
}

func (c *chain) addBlock(height int64) error {
	proposer := c.state.Validators.GetProposer().Address
	block, err := c.state.MakeBlock(height, c.makeTxs(), c.last, nil, proposer)
	if err != nil {
		return err
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	commit, err := c.sign(height, id)
	if err != nil {
		return err
	}
	c.stores.blocks.SaveBlock(block, parts, commit)
	if c.state, err = c.executor.ApplyBlock(c.state, id, block); err != nil {
		return err
	}
	c.last = commit
	return nil
}

// makeTxs makes transactions of which half are random and half compress well.
func (c *chain) makeTxs() []types.Tx {
	var txs []types.Tx
	for left := c.rng.Intn(c.options.maxTxs + 1); left > 0; left-- {
		tx := make([]byte, 1+c.rng.Intn(c.options.txBytes))
		if c.rng.Intn(2) == 0 {
			c.rng.Read(tx)
		} else {
			for j := range tx {
				tx[j] = byte('a' + (j+len(txs))%7)
			}
		}
		txs = append(txs, tx)
	}
	return txs
}

// sign makes the commit of a block.  Some validators are absent or vote nil, as long as more than two
// thirds of the power sign.
func (c *chain) sign(height int64, id types.BlockID) (*types.Commit, error) {
	round := int32(0)
	if c.rng.Intn(100) < laterRoundShare {
		round = int32(1 + c.rng.Intn(3))
	}
	commit := &types.Commit{Height: height, Round: round, BlockID: id}
	total := c.state.Validators.TotalVotingPower()
	signed, coming := int64(0), total // coming: the power of those not asked yet
	for i, validator := range c.state.Validators.Validators {
		coming -= validator.VotingPower
		needed := (signed+coming)*3 <= total*2+3
		draw := c.rng.Intn(100)
		voted := id
		switch {
		case needed || draw >= absentShare+nilShare:
			signed += validator.VotingPower
		case draw < absentShare:
			commit.Signatures = append(commit.Signatures, types.NewCommitSigAbsent())
			continue
		default:
			voted = types.BlockID{}
		}
		vote := &types.Vote{
			Type: cmtproto.PrecommitType, Height: height, Round: round, BlockID: voted,
			Timestamp:        c.voteTime(height),
			ValidatorAddress: validator.Address, ValidatorIndex: int32(i),
		}
		signature, err := c.keys[validator.Address.String()].Sign(types.VoteSignBytes(chainID, vote.ToProto()))
		if err != nil {
			return nil, err
		}
		vote.Signature = signature
		commit.Signatures = append(commit.Signatures, vote.CommitSig())
	}
	return commit, nil
}

func (c *chain) voteTime(height int64) time.Time {
	jitter := time.Duration(c.rng.Intn(int(blockTime) / 2))
	return genesisTime.Add(time.Duration(height-c.options.initial+1) * blockTime).Add(jitter)
}
