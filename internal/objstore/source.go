package objstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// source hashes and counts what a caller's reader yields, holds it to the size that was announced, and remembers how
// it ended.
type source struct {
	r    io.Reader
	size int64 // -1 when not known
	read int64
	hash hash.Hash
	// How it ended, if it has.
	ended bool
	err   error
}

func newSource(r io.Reader, size int64) *source {
	return &source{r: r, size: size, hash: sha256.New()}
}

// Read never yields the last bytes of a reader that goes on after them.
func (s *source) Read(p []byte) (n int, err error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.ended:
		return 0, io.EOF
	}
	if s.size >= 0 {
		p = p[:min(int64(len(p)), s.size-s.read)]
	}
	if len(p) > 0 {
		n, err = s.r.Read(p)
		s.read += int64(n)
		_, _ = s.hash.Write(p[:n]) // a hash does not fail
	}
	if err == nil && s.read == s.size {
		err = s.end()
	}
	s.ended = err == io.EOF //nolint:errorlint // an error that wraps io.EOF, such as multipart's, is no good end
	switch {
	case s.ended && s.read < s.size:
		s.err = fmt.Errorf("the reader ended after %d of %d bytes", s.read, s.size)
		return n, s.err
	case !s.ended:
		s.err = err
	}
	return n, err
}

// end returns io.EOF when the reader has no more.
func (s *source) end() error {
	var extra [1]byte
	n, err := io.ReadFull(s.r, extra[:])
	if n > 0 {
		return fmt.Errorf("the reader has more than %d bytes", s.size)
	}
	return err
}

func (s *source) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }
