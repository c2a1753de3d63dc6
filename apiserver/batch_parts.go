package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"iris/internal/scores"
	"iris/workflows"
)

// readRows passes at most limit rows to take, and returns the position of the next row: after the last part if no row
// is left.
func (bs *batches) readRows(
	ctx context.Context, m *workflows.Manifest, from position, limit int, take func(*scores.Row) error,
) (position, error) {
	at := from
	for {
		for at.part < len(m.Parts) && at.row == m.Parts[at.part].Rows {
			at = position{part: at.part + 1}
		}
		if at.part == len(m.Parts) || limit == 0 {
			return at, nil
		}
		n, offset, err := bs.readPart(ctx, m.Layout, m.Parts[at.part], at, limit, take)
		if err != nil {
			return at, fmt.Errorf("read %s: %w", m.Parts[at.part].Ref.URI(), err)
		}
		at.row, at.offset, limit = at.row+int64(n), at.offset+offset, limit-n
	}
}

// readPart passes at most limit rows of a part to take, beginning at from. It returns the number of rows and their
// length in bytes.
func (bs *batches) readPart(
	ctx context.Context, layout scores.Layout, part workflows.Part, from position, limit int,
	take func(*scores.Row) error,
) (n int, offset int64, err error) {
	rows, closeRows, err := bs.openPart(ctx, layout, part, from)
	if err != nil {
		return 0, 0, err
	}
	defer closeRows()
	var row scores.Row
	for n = 0; n < limit && from.row+int64(n) < part.Rows; n++ {
		if err := rows.Read(&row); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("it has %d rows, the manifest says %d", from.row+int64(n), part.Rows)
			}
			return n, 0, err
		}
		if err := take(&row); err != nil {
			return n, 0, err
		}
	}
	return n, rows.Offset(), nil
}

// openPart opens a part at one of its rows.
func (bs *batches) openPart(
	ctx context.Context, layout scores.Layout, part workflows.Part, from position,
) (*scores.Reader, func(), error) {
	if layout.Format == scores.Parquet {
		blocks := &blockReader{from: bs.store.ReaderAt(ctx, part.Ref), size: part.Ref.Size}
		rows, err := layout.NewParquetReader(blocks, part.Ref.Size)
		if err != nil {
			return nil, nil, err
		}
		closeRows := func() { _ = rows.Close() } // a reader has nothing to flush
		if err := rows.Skip(from.row); err != nil {
			closeRows()
			return nil, nil, err
		}
		return rows, closeRows, nil
	}
	body, err := bs.store.GetRange(ctx, part.Ref, from.offset, part.Ref.Size-from.offset)
	if err != nil {
		return nil, nil, err
	}
	closeBody := func() { _ = body.Close() } // a reader has nothing to flush
	rows, err := layout.NewLineReader(body)
	if err != nil {
		closeBody()
		return nil, nil, err
	}
	return rows, closeBody, nil
}

// blockReader reads an object in blocks and keeps the newest ones, because Parquet is read in many small pieces. Only
// one goroutine may use it.
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
