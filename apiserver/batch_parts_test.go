package apiserver

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// countingReaderAt counts its reads.
type countingReaderAt struct {
	io.ReaderAt
	reads int
}

func (c *countingReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	c.reads++
	return c.ReaderAt.ReadAt(p, offset)
}

func TestBlockReader(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, (keptBlocks+5)*blockSize+17)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	from := &countingReaderAt{ReaderAt: bytes.NewReader(data)}
	b := &blockReader{from: from, size: int64(len(data))}
	for range 100 { // small pieces of one block, as in a footer
		offset, p := len(data)-1-random.IntN(100), make([]byte, 1)
		if n, err := b.ReadAt(p, int64(offset)); n != 1 || err != nil || p[0] != data[offset] {
			t.Fatalf("at %d: %d bytes, %v", offset, n, err)
		}
	}
	if from.reads > 2 {
		t.Errorf("%d requests for pieces of two blocks", from.reads)
	}
	for range 500 {
		offset, p := random.IntN(len(data)), make([]byte, random.IntN(3*blockSize))
		n, err := b.ReadAt(p, int64(offset))
		want := min(len(p), len(data)-offset)
		if n != want || (n < len(p)) != errors.Is(err, io.EOF) || !bytes.Equal(p[:n], data[offset:offset+n]) {
			t.Fatalf("at %d: %d of %d bytes, %v", offset, n, len(p), err)
		}
	}
	if len(b.blocks) > keptBlocks || len(b.order) != len(b.blocks) {
		t.Errorf("%d blocks are kept, at most %d are to be", len(b.blocks), keptBlocks)
	}
	lost := errors.New("connection lost")
	b = &blockReader{from: failingReaderAt{lost}, size: 10}
	if _, err := b.ReadAt(make([]byte, 1), 0); !errors.Is(err, lost) {
		t.Errorf("got error %v, want that of the store", err)
	}
}

type failingReaderAt struct{ err error }

func (f failingReaderAt) ReadAt([]byte, int64) (int, error) { return 0, f.err }
