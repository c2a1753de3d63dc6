package activities

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
)

// A packed object may unpack to so many times its size and a little: rows of numbers are packed to a third, the same
// row again and again to a hundredth, and what goes beyond is made to fill a disk.
const (
	unpackRatio = 200
	unpackFree  = 16 << 20
	unpackMost  = 64 << 30
)

// gzipMagic begins every gzip file, and no CSV or JSON.
const gzipMagic = "\x1f\x8b"

// unpacked is a copy of an object without gzip, under a key of the task, or the object itself when it is not packed.
// What
// it begins with decides, not its name.
func (a *Activities) unpacked(
	ctx context.Context,
	taskID string,
	index int,
	ref objstore.Ref,
	format rows.Format,
	report func(Progress),
) (objstore.Ref, error) {
	if ref.Size == 0 {
		return ref, nil
	}
	var magic [2]byte
	n, err := a.o.Store.ReaderAt(ctx, ref).ReadAt(magic[:], 0)
	switch {
	case err != nil && err != io.EOF: //nolint:errorlint // an error that wraps io.EOF is a lost connection
		return objstore.Ref{}, err
	case string(magic[:n]) == gzipMagic:
	case strings.HasSuffix(ref.Key, ".gz"):
		return objstore.Ref{}, &dataset.RowError{Reason: ref.Key + " ends in .gz and is no gzip file"}
	default:
		return ref, nil
	}
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return objstore.Ref{}, err
	}
	defer body.Close() //nolint:errcheck // only read from
	unpack, err := gzip.NewReader(bufio.NewReaderSize(body, 64<<10))
	if err != nil {
		return objstore.Ref{}, brokenGzip(ref, err)
	}
	in := &unpacker{r: unpack, ref: ref, most: min(unpackMost, unpackRatio*ref.Size+unpackFree), report: report}
	return a.o.Store.Put(
		ctx,
		a.o.Bucket,
		objstore.BatchUnpackedKey(taskID, index, string(format)),
		in,
		-1,
		"application/octet-stream",
	)
}

// unpacker holds what is unpacked to the limit.
type unpacker struct {
	r      io.Reader
	ref    objstore.Ref
	most   int64
	n      int64
	report func(Progress)
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	u.report(Progress{Done: u.n, Unit: "bytes"})
	switch {
	case u.n > u.most:
		return 0, &dataset.RowError{
			Reason: fmt.Sprintf(
				"%s unpacks to more than %d bytes, %d times its size and %d",
				u.ref.Key,
				u.most,
				unpackRatio,
				unpackFree,
			),
		}
	case err != nil && err != io.EOF: //nolint:errorlint // an error that wraps io.EOF is no good end
		return n, brokenGzip(u.ref, err)
	}
	return n, err
}

// brokenGzip tells a damaged file from a store that broke off.
func brokenGzip(ref objstore.Ref, err error) error {
	if errors.Is(err, objstore.ErrUnavailable) || errors.Is(err, objstore.ErrChanged) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("unpack %s: %w", ref.Key, err)
	}
	return &dataset.RowError{Reason: fmt.Sprintf("%s is no gzip file that can be read: %v", ref.Key, err)}
}
