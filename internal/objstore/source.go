package objstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// source hashes and counts the bytes of a caller's reader, compares their number with the announced size, and remembers
// how the reader ended.
type source struct {
	r    io.Reader
	size int64 // -1 if not known
	read int64
	hash hash.Hash
	// How the reader ended, if it has.
	ended bool
	err   error
}

func newSource(r io.Reader, size int64) *source {
	return &source{r: r, size: size, hash: sha256.New()}
}

// Read returns an error together with the last announced bytes if the reader has more.
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
	s.ended = err == io.EOF //nolint:errorlint // an error that wraps io.EOF, such as multipart's, is a failure
	switch {
	case s.ended && s.read < s.size:
		s.err = fmt.Errorf("the reader ended after %d of %d bytes", s.read, s.size)
		return n, s.err
	case !s.ended:
		s.err = err
	}
	return n, err
}

// end returns io.EOF if the reader has no more bytes.
func (s *source) end() error {
	var extra [1]byte
	n, err := io.ReadFull(s.r, extra[:])
	if n > 0 {
		return fmt.Errorf("the reader has more than %d bytes", s.size)
	}
	return err
}

func (s *source) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }
