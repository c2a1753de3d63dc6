package apiserver

import "io"

// blockReader reads an object in blocks, the last of which it keeps: a Parquet is read in many small pieces. It is for
// one
// goroutine.
type blockReader struct {
	from   io.ReaderAt
	size   int64
	blocks map[int64][]byte
	order  []int64 // of blocks, the oldest first
}

const (
	blockSize  = 256 << 10
	keptBlocks = 64
)

// ReadAt implements io.ReaderAt.
func (b *blockReader) ReadAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		if offset >= b.size {
			return n, io.EOF
		}
		block, err := b.block(offset / blockSize)
		if err != nil {
			return n, err
		}
		copied := copy(p[n:], block[offset%blockSize:])
		n, offset = n+copied, offset+int64(copied)
	}
	return n, nil
}

func (b *blockReader) block(number int64) ([]byte, error) {
	if block, kept := b.blocks[number]; kept {
		return block, nil
	}
	start := number * blockSize
	block := make([]byte, min(blockSize, b.size-start))
	if n, err := b.from.ReadAt(block, start); n < len(block) {
		return nil, err
	}
	if len(b.order) == keptBlocks {
		delete(b.blocks, b.order[0])
		b.order = b.order[1:]
	}
	if b.blocks == nil {
		b.blocks = make(map[int64][]byte)
	}
	b.blocks[number] = block
	b.order = append(b.order, number)
	return block, nil
}
