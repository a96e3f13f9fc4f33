// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/merkle"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	"github.com/cometbft/cometbft/types"
)

type marshaler interface{ Marshal() ([]byte, error) }

func bytesOf(m marshaler) []byte {
	bytes, err := m.Marshal()
	must(err)
	return bytes
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	rng.Read(b)
	return b
}

func randomTime(rng *rand.Rand) time.Time {
	return time.Unix(rng.Int63n(4000000000)-100000, rng.Int63n(1000000000)).UTC()
}

func randomID(rng *rand.Rand) types.BlockID {
	return types.BlockID{Hash: randomBytes(rng, 32), PartSetHeader: types.PartSetHeader{
		Total: 1 + uint32(rng.Intn(1600)), Hash: randomBytes(rng, 32)}}
}

// trees: "root N ROOT" and "proof N INDEX PROOF" of the items 00, 01, …
func (w writer) trees() {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 33, 64, 100} {
		items := make([][]byte, n)
		for i := range items {
			items[i] = []byte{byte(i)}
		}
		root, proofs := merkle.ProofsFromByteSlices(items)
		fmt.Fprintf(w, "root %d %x\n", n, root)
		for i, proof := range proofs {
			if n < 10 || i%16 == 15 || i == n-1 {
				fmt.Fprintf(w, "proof %d %d %x\n", n, i, bytesOf(proof.ToProto()))
			}
		}
	}
}

// votes: "evidence CHAIN EVIDENCE HASH SIGNED_A SIGNED_B" of duplicate votes, and
// "extension CHAIN HEIGHT ROUND EXTENSION SIGNED".
func (w writer) votes(rng *rand.Rand) []types.Evidence {
	var list []types.Evidence
	for i := 0; i < 12; i++ {
		chain := fmt.Sprintf("chain-%d", rng.Intn(100000))
		vote := func() *types.Vote {
			v := &types.Vote{Type: signedMsgType(1 + i%2), Height: 1 + rng.Int63n(1<<uint(1+5*i)),
				Round: int32(i % 3), BlockID: randomID(rng), Timestamp: randomTime(rng),
				ValidatorAddress: randomBytes(rng, 20), ValidatorIndex: int32(i % 4), Signature: randomBytes(rng, 64)}
			if i%4 == 3 {
				v.Extension, v.ExtensionSignature = randomBytes(rng, 10), randomBytes(rng, 64)
			}
			return v
		}
		a, b := vote(), vote()
		if a.BlockID.Key() > b.BlockID.Key() {
			a, b = b, a
		}
		if i%5 == 4 { // a vote for no block sorts first
			a.BlockID, a.Extension, a.ExtensionSignature = types.BlockID{}, nil, nil
		}
		ev := &types.DuplicateVoteEvidence{VoteA: a, VoteB: b, TotalVotingPower: rng.Int63n(1000),
			ValidatorPower: rng.Int63n(100), Timestamp: randomTime(rng)}
		must(ev.ValidateBasic())
		list = append(list, ev)
		pb, err := types.EvidenceToProto(ev)
		must(err)
		fmt.Fprintf(w, "evidence %s %x %x %x %x\n", chain, bytesOf(pb), types.EvidenceList{ev}.Hash(),
			types.VoteSignBytes(chain, a.ToProto()), types.VoteSignBytes(chain, b.ToProto()))
		extended := *b
		extended.Extension = randomBytes(rng, 1+i*20)
		fmt.Fprintf(w, "extension %s %d %d %x %x\n", chain, b.Height, b.Round, extended.Extension,
			types.VoteExtensionSignBytes(chain, extended.ToProto()))
	}
	return list
}

// attack is evidence against a light client, whole but signed by nobody.
func attack(rng *rand.Rand) types.Evidence {
	set := fresh(10, 20, 30)
	header := randomHeader(rng, 77)
	header.ValidatorsHash = set.Hash()
	id := randomID(rng)
	id.Hash = header.Hash()
	commit := randomCommit(rng, set, 77, id)
	ev := &types.LightClientAttackEvidence{
		ConflictingBlock: &types.LightBlock{SignedHeader: &types.SignedHeader{Header: &header, Commit: commit}, ValidatorSet: set},
		CommonHeight:     70, ByzantineValidators: set.Validators[:1], TotalVotingPower: 60, Timestamp: randomTime(rng)}
	must(ev.ValidateBasic())
	return ev
}

func randomHeader(rng *rand.Rand, height int64) types.Header {
	h := types.Header{ChainID: fmt.Sprintf("chain-%d", rng.Intn(1000)), Height: height, Time: randomTime(rng),
		LastBlockID: randomID(rng), LastCommitHash: randomBytes(rng, 32), DataHash: randomBytes(rng, 32),
		ValidatorsHash: randomBytes(rng, 32), NextValidatorsHash: randomBytes(rng, 32),
		ConsensusHash: randomBytes(rng, 32), AppHash: randomBytes(rng, rng.Intn(64)),
		LastResultsHash: randomBytes(rng, 32), EvidenceHash: randomBytes(rng, 32), ProposerAddress: randomBytes(rng, 20)}
	h.Version.Block, h.Version.App = 11, uint64(rng.Intn(3))
	return h
}

func randomCommit(rng *rand.Rand, set *types.ValidatorSet, height int64, id types.BlockID) *types.Commit {
	commit := &types.Commit{Height: height, Round: int32(rng.Intn(3)), BlockID: id}
	for _, val := range set.Validators {
		sig := types.NewCommitSigAbsent()
		if flag := 1 + rng.Intn(3); flag > 1 {
			sig = types.CommitSig{BlockIDFlag: types.BlockIDFlag(flag), ValidatorAddress: val.Address,
				Timestamp: randomTime(rng), Signature: randomBytes(rng, 64)}
		}
		commit.Signatures = append(commit.Signatures, sig)
	}
	return commit
}

// chain: "block BLOCK HASH TOTAL PARTS_HASH LAST_PART", "set SET HASH", "median COMMIT SET SECONDS NANOS".
func (w writer) chain(rng *rand.Rand, evidence []types.Evidence) {
	for i := 0; i < 16; i++ {
		set := fresh(randomPowers(rng, 1+rng.Intn(7), 100)...)
		height := 1 + rng.Int63n(1000000)
		commit := randomCommit(rng, set, height, randomID(rng))
		if i == 0 {
			commit, height = &types.Commit{}, 0
		}
		var txs []types.Tx
		for range rng.Intn(5) {
			txs = append(txs, randomBytes(rng, rng.Intn(20)))
		}
		var with []types.Evidence
		if i%3 != 2 {
			with = evidence[i%len(evidence):][:1]
		}
		block := types.MakeBlock(height+1, txs, commit, with)
		header := randomHeader(rng, height+1)
		header.LastCommitHash, header.DataHash, header.EvidenceHash = block.LastCommitHash, block.DataHash, block.EvidenceHash
		block.Header = header
		must(block.ValidateBasic())
		parts, err := block.MakePartSet(types.BlockPartSizeBytes)
		must(err)
		pb, err := block.ToProto()
		must(err)
		last, err := parts.GetPart(int(parts.Total()) - 1).ToProto()
		must(err)
		fmt.Fprintf(w, "block %x %x %d %x %x\n", bytesOf(pb), []byte(block.Hash()), parts.Total(), parts.Hash(), bytesOf(last))
		fmt.Fprintf(w, "set %x %x\n", encode(set), set.Hash())
		if i > 0 {
			median := medianTime(commit, set)
			fmt.Fprintf(w, "median %x %x %d %d\n", bytesOf(commit.ToProto()), encode(set), median.Unix(), median.Nanosecond())
		}
	}
}

// judge is what CometBFT makes of bytes: refused (-), the block of this hash (=), or another one (~).
// 1.0.1 panics on some light client attacks; that is a refusal too.
func judge(encoded []byte, hash []byte) (verdict byte) {
	defer func() {
		if recover() != nil {
			verdict = '-'
		}
	}()
	pb := new(protoBlock)
	if pb.Unmarshal(encoded) != nil {
		return '-'
	}
	block, err := types.BlockFromProto(pb)
	if err != nil {
		return '-'
	}
	if bytes.Equal(block.Hash(), hash) {
		return '='
	}
	return '~'
}

// flips: "flips BLOCK VERDICTS", one for each bit of the block that is flipped alone, the lowest first.
func (w writer) flips(rng *rand.Rand, evidence []types.Evidence) {
	for i := 0; i < 4; i++ {
		set := fresh(randomPowers(rng, 2+i, 100)...)
		id := randomID(rng)
		id.PartSetHeader.Total = 1
		commit := randomCommit(rng, set, 5, id)
		height := int64(6)
		if i == 0 {
			commit, height = &types.Commit{}, 1
		}
		block := types.MakeBlock(height, []types.Tx{{}, randomBytes(rng, 5)}[:i%3], commit, evidence[:i/2])
		header := randomHeader(rng, height)
		header.LastBlockID = id
		header.LastCommitHash, header.DataHash, header.EvidenceHash = block.LastCommitHash, block.DataHash, block.EvidenceHash
		block.Header = header
		pb, err := block.ToProto()
		must(err)
		encoded := bytesOf(pb)
		verdicts := make([]byte, 8*len(encoded))
		for bit := range verdicts {
			encoded[bit/8] ^= 1 << (bit % 8)
			verdicts[bit] = judge(encoded, block.Hash())
			encoded[bit/8] ^= 1 << (bit % 8)
		}
		fmt.Fprintf(w, "flips %x %s\n", encoded, verdicts)
	}
}

// parts: "part SIZE TOTAL HASH INDEX SHA256", the last of the encoded part; byte i of SIZE is i*i/7.
func (w writer) parts() {
	for _, size := range []int{1, 65536, 65537, 196608, 200000, 720901} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * i / 7)
		}
		set := types.NewPartSetFromData(data, types.BlockPartSizeBytes)
		for i := 0; i < int(set.Total()); i++ {
			part, err := set.GetPart(i).ToProto()
			must(err)
			fmt.Fprintf(w, "part %d %d %x %d %x\n", size, set.Total(), set.Hash(), i, sha256.Sum256(bytesOf(part)))
		}
	}
}

// changes: "update SET CHANGES AFTER", CHANGES in a message whose field 3 repeats; AFTER "-" when refused.
func (w writer) changes(rng *rand.Rand) {
	for i := 0; i < 40; i++ {
		n := 1 + rng.Intn(6)
		limit := int64(1) << uint(1+rng.Intn(40))
		set := fresh(randomPowers(rng, n, limit)...)
		set.IncrementProposerPriority(1 + rng.Int31n(50))
		var list []*types.Validator
		for j, v := range validators(randomPowers(rng, n+2, limit)...) {
			switch rng.Intn(4) {
			case 0:
				continue
			case 1:
				v.VotingPower = 0
			case 2:
				if i%10 == 9 {
					v.VotingPower = types.MaxTotalVotingPower - int64(j)
				}
			}
			list = append(list, v)
		}
		if i == 20 && len(list) > 0 {
			list = append(list, list[0])
		}
		rng.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
		before := encode(set)
		updated := set.Copy()
		after := "-"
		if updated.UpdateWithChangeSet(list) == nil {
			after = fmt.Sprintf("%x", encode(updated))
		}
		response := new(finalizeResponse)
		for _, v := range list {
			response.ValidatorUpdates = append(response.ValidatorUpdates, validatorUpdate(v.PubKey, v.VotingPower))
		}
		fmt.Fprintf(w, "update %x %x %s\n", before, append(bytesOf(response), 0x40, 1), after)
	}
}

// keys: "key VALIDATOR ADDRESS SIGNED SIGNATURE".
func (w writer) keys() {
	for i := 0; i < 4; i++ {
		secret := []byte(fmt.Sprintf("key %d", i))
		for _, key := range []crypto.PrivKey{ed25519.GenPrivKeyFromSecret(secret), secp256k1.GenPrivKeySecp256k1(secret)} {
			signed := bytes.Repeat(secret, i)
			pb, err := types.NewValidator(key.PubKey(), 5).ToProto()
			must(err)
			fmt.Fprintf(w, "key %x %x %x00 %x\n", bytesOf(pb), []byte(key.PubKey().Address()), signed, mustSign(key, append(signed, 0)))
		}
	}
}

func mustSign(key crypto.PrivKey, message []byte) []byte {
	signature, err := key.Sign(message)
	must(err)
	return signature
}

// results: "results RESPONSE HASH", the results in field 2.
func (w writer) results(rng *rand.Rand) {
	for n := 0; n < 6; n++ {
		response := new(finalizeResponse)
		for range n {
			response.TxResults = append(response.TxResults, &abci.ExecTxResult{Code: uint32(rng.Intn(3)),
				Data: randomBytes(rng, rng.Intn(9)), Log: "log", Info: "info", GasWanted: rng.Int63n(100),
				GasUsed: rng.Int63n(3) - 1, Codespace: "space"})
		}
		fmt.Fprintf(w, "results %x %x\n", append(bytesOf(response), 0x40, 1), types.NewResults(response.TxResults).Hash())
	}
}
