package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// A Signer signs what stands for a token, so that any node knows it for that of any
// other.
type Signer struct {
	Authority *Authority
	// Key is the secret that the nodes have in common.
	Key func(context.Context) ([]byte, error)
}

// What is signed, in base64url, begins with its version, which tells one kind from the
// others, and with when it ends, in Unix milliseconds. The token's name comes last,
// and behind it
//
//	32 bytes    HMAC-SHA-256 of what is before
//
// The HMAC's key is that of the nodes together with the hash of the token's secret: who
// has stolen the database or the auth file, but not both, cannot make one.
const (
	signedEndAt = 1
	signedAfter = signedEndAt + 8
	maxSigned   = 512 // as it is sent
)

// A kind of what is signed.
type kind struct {
	version byte
	nameAt  int
	bad     unknown // where it is none, or its token is not known
	old     unknown // where it has ended
}

// sign makes one that stands for the token of a grant.
func (s *Signer) sign(ctx context.Context, g *Grant, k *kind, life time.Duration, more []byte) (signed string, expires time.Time, err error) {
	key, err := s.key(ctx, g)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = time.Now().Add(life).Truncate(time.Millisecond)
	b := binary.BigEndian.AppendUint64([]byte{k.version}, uint64(expires.UnixMilli()))
	b = append(append(b, more...), g.token.Name...)
	return base64.RawURLEncoding.EncodeToString(append(b, sumOf(key, b)...)), expires, nil
}

// open is what the bearer of one may, and what was signed.
func (s *Signer) open(ctx context.Context, sent string, k *kind) (*Grant, []byte, error) {
	signed, sum, ok := cutSigned(sent, k.nameAt)
	if !ok || signed[0] != k.version {
		return nil, nil, k.bad
	}
	g := s.Authority.named(string(signed[k.nameAt:]))
	if g == nil {
		return nil, nil, k.bad
	}
	key, err := s.key(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	if !hmac.Equal(sum, sumOf(key, signed)) {
		return nil, nil, k.bad
	}
	if time.Now().UnixMilli() >= int64(binary.BigEndian.Uint64(signed[signedEndAt:signedAfter])) {
		return nil, nil, k.old
	}
	g, err = g.now()
	return g, signed, err
}

// cutSigned takes what was sent apart into what is signed and the signature.
func cutSigned(sent string, nameAt int) (signed, sum []byte, ok bool) {
	if len(sent) > maxSigned {
		return nil, nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(sent)
	if err != nil || len(b) < nameAt+sha256.Size {
		return nil, nil, false
	}
	end := len(b) - sha256.Size
	return b[:end], b[end:], true
}

// key signs what stands for one token.
func (s *Signer) key(ctx context.Context, g *Grant) ([]byte, error) {
	common, err := s.Key(ctx)
	if err != nil {
		return nil, err
	}
	return sumOf(common, g.token.Hash[:]), nil
}

func sumOf(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
