// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand"

	"github.com/cometbft/cometbft/types"
)

func isFlipped(i int) bool { return i%5 == 2 }

// randomExtended is a commit with extensions where they belong, and with odd ones for i > 5.
func randomExtended(rng *rand.Rand, i int) *types.ExtendedCommit {
	set := fresh(randomPowers(rng, 1+i%5, 100)...)
	commit := &types.ExtendedCommit{Height: 1 + rng.Int63n(1<<uint(1+4*i)), Round: int32(i % 3), BlockID: randomID(rng)}
	if isFlipped(i) {
		commit.BlockID.PartSetHeader.Total = 1 // cmtstore bounds it, CometBFT does not
	}
	for _, sig := range randomCommit(rng, set, commit.Height, commit.BlockID).Signatures {
		extended := types.ExtendedCommitSig{CommitSig: sig}
		if sig.BlockIDFlag == types.BlockIDFlagCommit || i > 5 {
			extended.Extension = randomBytes(rng, rng.Intn(30)*(i%4))
			extended.ExtensionSignature = randomBytes(rng, 64)
		}
		switch {
		case i > 5 && rng.Intn(2) == 0:
			extended.ExtensionSignature = nil
		case i > 5 && rng.Intn(2) == 0:
			extended.Extension = nil
		}
		if i > 5 && sig.BlockIDFlag != types.BlockIDFlagCommit && extended.ExtensionSignature == nil {
			extended.Extension = nil
		}
		commit.ExtendedSignatures = append(commit.ExtendedSignatures, extended)
	}
	must(commit.ValidateBasic())
	return commit
}

func textOf(err error) string {
	if err == nil {
		return "-"
	}
	return fmt.Sprintf("%x", err.Error())
}

// readExtended is what CometBFT makes of bytes, encoded again; nil when it refuses them.
func readExtended(encoded []byte) []byte {
	pb := new(protoExtendedCommit)
	if pb.Unmarshal(encoded) != nil {
		return nil
	}
	commit, err := types.ExtendedCommitFromProto(pb)
	if err != nil {
		return nil
	}
	return bytesOf(commit.ToProto())
}

// extended: "extended EXTENDED COMMIT ENABLED DISABLED", the last two what EnsureExtensions says, as hex;
// and "flips EXTENDED VERDICTS SHA256", a verdict for each flipped bit, the lowest first: refused (-), the same
// commit (=), another one (~); then over all that was accepted, encoded again.
func (w writer) extended(rng *rand.Rand) {
	for i := 0; i < 16; i++ {
		commit := randomExtended(rng, i)
		encoded := bytesOf(commit.ToProto())
		fmt.Fprintf(w, "extended %x %x %s %s\n", encoded, bytesOf(commit.ToCommit().ToProto()),
			textOf(commit.EnsureExtensions(true)), textOf(commit.EnsureExtensions(false)))
		if !isFlipped(i) {
			continue
		}
		flipped := bytes.Clone(encoded)
		verdicts := make([]byte, 8*len(encoded))
		digest := sha256.New()
		for bit := range verdicts {
			flipped[bit/8] ^= 1 << (bit % 8)
			verdicts[bit] = '-'
			if again := readExtended(flipped); bytes.Equal(again, encoded) {
				verdicts[bit] = '='
			} else if again != nil {
				verdicts[bit] = '~'
				digest.Write(again)
			}
			flipped[bit/8] ^= 1 << (bit % 8)
		}
		fmt.Fprintf(w, "flips %x %s %x\n", encoded, verdicts, digest.Sum(nil))
	}
}

func extendedCommits(w writer) {
	fmt.Fprintf(w, "# SPDX-License-Identifier: Apache-2.0\n")
	fmt.Fprintf(w, "# Made by test/interop/vectors with CometBFT %s; do not edit.\n", release)
	w.extended(rand.New(rand.NewSource(20261128)))
}
