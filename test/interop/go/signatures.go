// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	golang "crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"slices"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"

	"github.com/cometbft/cometbft/crypto/ed25519"

	"cmtoracle/shared"
)

// signed is a key, a message and what may be a signature.
type signed struct{ key, message, signature []byte }

// forger makes signatures, honest ones and such that only the fine print of the rules decides about.
type forger struct {
	*rand.Rand
	small [][]byte // every encoding of the points of small order
}

// groupOrder is L, from its lowest byte on.
var groupOrder = []byte{
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
}

// newForger finds the small points among the multiples by L of all points.
func newForger(seed int64) (*forger, error) {
	f := &forger{rand.New(rand.NewSource(seed)), nil}
	minusOne := scalar.New().Neg(scalar.One()) // L - 1
	seen := map[string]bool{}
	for len(seen) < 8 {
		p, err := decode(f.noise(32))
		if err != nil {
			continue
		}
		t := curve.NewEdwardsPoint().Mul(p, minusOne)
		seen[string(encode(t.Add(t, p)))] = true
	}
	for i := range 256 * 4 { // y below 256, or from p - 237 on; either sign
		y := make([]byte, 32)
		if i%2 == 1 {
			y = fill(0xff)
			y[31] = 0x7f
		}
		y[0] = byte(i / 4)
		y[31] |= byte(i / 2 % 2 << 7)
		if p, err := decode(y); err == nil && p.IsSmallOrder() {
			f.small = append(f.small, y)
			delete(seen, string(encode(p)))
		}
	}
	for rest := range seen {
		f.small = append(f.small, []byte(rest))
	}
	if len(f.small) != 14 {
		return nil, fmt.Errorf("%d encodings of small points", len(f.small))
	}
	slices.SortFunc(f.small, bytes.Compare) // a map has no order
	return f, nil
}

func fill(b byte) []byte {
	out := make([]byte, 32)
	for i := range out {
		out[i] = b
	}
	return out
}

func decode(encoding []byte) (*curve.EdwardsPoint, error) {
	y, err := curve.NewCompressedEdwardsYFromBytes(encoding)
	if err != nil {
		return nil, err
	}
	return curve.NewEdwardsPoint().SetCompressedY(y)
}

func encode(p *curve.EdwardsPoint) []byte {
	y := curve.NewCompressedEdwardsY().SetEdwardsPoint(p)
	return append([]byte(nil), y[:]...)
}

func (f *forger) noise(count int) []byte {
	out := make([]byte, count)
	f.Read(out)
	return out
}

func (f *forger) scalar() *scalar.Scalar {
	s, err := scalar.NewFromBytesModOrderWide(f.noise(64))
	if err != nil {
		panic(err)
	}
	return s
}

// point is the encoding of n B, often with a small point added; with n 0 it is of a small point alone, in any encoding.
func (f *forger) point(n *scalar.Scalar) []byte {
	small := f.small[f.Intn(len(f.small))]
	if n.Equal(scalar.New().Zero()) == 1 {
		return append([]byte(nil), small...)
	}
	p := curve.NewEdwardsPoint().MulBasepoint(curve.ED25519_BASEPOINT_TABLE, n)
	if f.Intn(2) == 0 {
		t, _ := decode(small)
		p.Add(p, t)
	}
	return encode(p)
}

// sign makes a signature that is right up to small points, with A and R being small themselves now and then.
func (f *forger) sign() signed {
	a, r := f.scalar(), f.scalar()
	if f.Intn(4) == 0 {
		a.Zero()
	}
	if f.Intn(4) == 0 {
		r.Zero()
	}
	s := signed{key: f.point(a), message: f.noise(f.Intn(300)), signature: f.point(r)}
	hash := sha512.Sum512(append(append(append([]byte(nil), s.signature...), s.key...), s.message...))
	k, err := scalar.NewFromBytesModOrderWide(hash[:])
	if err != nil {
		panic(err)
	}
	end := make([]byte, 32)
	if err := r.Add(r, k.Mul(k, a)).ToBytes(end); err != nil {
		panic(err)
	}
	s.signature = append(s.signature, end...)
	return s
}

// addOrder adds L to the scalar as it stands.
func addOrder(s []byte) {
	carry := 0
	for i := range s {
		carry += int(s[i]) + int(groupOrder[i])
		s[i] = byte(carry)
		carry >>= 8
	}
}

// next is a signature of any kind.
func (f *forger) next() signed {
	s := f.sign()
	switch f.Intn(8) {
	case 0: // S is not reduced
		for range 1 + f.Intn(7) {
			addOrder(s.signature[32:])
		}
	case 1: // S is near L, or near 0 or 2^256
		ends := [][]byte{groupOrder, fill(0), fill(0xff)}
		copy(s.signature[32:], ends[f.Intn(3)])
		s.signature[32] += byte(f.Intn(5) - 2)
	case 2: // a flipped bit
		part := [][]byte{s.key, s.signature, s.signature[32:]}[f.Intn(3)]
		part[f.Intn(len(part))] ^= 1 << f.Intn(8)
	case 3: // any y, most often one that has a short encoding or is near p
		y := [][]byte{f.noise(32), fill(0), fill(0xff)}[f.Intn(3)]
		y[0] = byte(f.Intn(256))
		y[31] ^= byte(f.Intn(2) << 7)
		copy([][]byte{s.key, s.signature}[f.Intn(2)], y)
	case 4: // of something else
		s.message = f.noise(f.Intn(300))
	}
	return s
}

// judgeTogether has a batch of CometBFT's judge: it has to say the same of each as each by itself.
func judgeTogether(batch []signed, alone []bool) error {
	verifier := ed25519.NewBatchVerifier()
	all := true
	for i, s := range batch {
		if err := verifier.Add(ed25519.PubKey(s.key), s.message, s.signature); err != nil {
			return err
		}
		all = all && alone[i]
	}
	ok, each := verifier.Verify()
	if ok != all {
		return errors.New("a batch is decided in another way than its signatures")
	}
	for i := range each {
		if each[i] != alone[i] {
			return errors.New("in a batch a signature is decided in another way than alone")
		}
	}
	return nil
}

// judge has CometBFT judge one signature.  odd: what Go's own package, and with it CometBFT up to 0.37, refuses.
func judge(s signed) (genuine, odd bool, err error) {
	genuine = ed25519.PubKey(s.key).VerifySignature(s.message, s.signature)
	if golang.Verify(s.key, s.message, s.signature) == genuine {
		return genuine, false, nil
	}
	if !genuine {
		return false, false, fmt.Errorf("only Go's own package takes %x of %x over %x", s.signature, s.key, s.message)
	}
	return true, true, nil
}

// signatures makes so many signatures, each as a line: whether CometBFT takes it, key, signature, m and the message.
func signatures(r *shared.Request) (reply shared.Reply, err error) {
	f, err := newForger(r.Chain.Seed)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(r.Out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	genuine, odd := 0, 0
	for made := 0; made < int(r.Heights); {
		batch := make([]signed, 1+f.Intn(40))
		alone := make([]bool, len(batch))
		for i := range batch {
			s := f.next()
			taken, onlyHere, err := judge(s)
			if err != nil {
				return nil, err
			}
			word := "refused"
			if taken {
				word = "genuine"
				genuine++
			}
			if onlyHere {
				odd++
			}
			fmt.Fprintf(out, "%s %x %x m%x\n", word, s.key, s.signature, s.message)
			batch[i], alone[i] = s, taken
		}
		if err := judgeTogether(batch, alone); err != nil {
			return nil, err
		}
		made += len(batch)
	}
	return shared.Reply{"genuine": genuine, "odd": odd}, out.Flush()
}
