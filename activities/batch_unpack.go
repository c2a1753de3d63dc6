package activities

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/scores"
)

// Limits of unpacking. Gzip reduces rows of numbers to a third, and one row repeated to a hundredth. An object that
// unpacks beyond the limits is a zip bomb.
const (
	maxUnpackRatio = 200      // times the packed size
	unpackFree     = 16 << 20 // bytes above that ratio
	maxUnpacked    = 64 << 30 // bytes
)

// gzipMagic begins every gzip file, and no CSV or JSON.
const gzipMagic = "\x1f\x8b"

// unpacked unpacks an object in gzip and returns the copy, which has a key of the task. It returns any other object
// unchanged. The first bytes decide, not the name.
func (a *Activities) unpacked(
	ctx context.Context,
	taskID string,
	index int,
	ref objstore.Ref,
	format scores.Format,
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
		return objstore.Ref{}, &dataset.RowError{Reason: ref.Key + " ends in .gz but is not a gzip file"}
	default:
		return ref, nil
	}
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return objstore.Ref{}, err
	}
	defer body.Close() //nolint:errcheck // read only
	unpack, err := gzip.NewReader(bufio.NewReaderSize(body, 64<<10))
	if err != nil {
		return objstore.Ref{}, brokenGzip(ref, err)
	}
	in := &unpacker{r: unpack, ref: ref, limit: min(maxUnpacked, maxUnpackRatio*ref.Size+unpackFree), report: report}
	return a.o.Store.Put(
		ctx,
		a.o.Bucket,
		objstore.BatchUnpackedKey(taskID, index, string(format)),
		in,
		-1,
		"application/octet-stream",
	)
}

// unpacker is a reader that fails when it has read more than limit bytes.
type unpacker struct {
	r      io.Reader
	ref    objstore.Ref
	limit  int64
	n      int64
	report func(Progress)
}

// Read implements io.Reader.
func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.n += int64(n)
	u.report(Progress{Done: u.n, Unit: "bytes"})
	switch {
	case u.n > u.limit:
		return 0, &dataset.RowError{
			Reason: fmt.Sprintf(
				"%s unpacks to more than %d bytes, %d times its size and %d",
				u.ref.Key,
				u.limit,
				maxUnpackRatio,
				unpackFree,
			),
		}
	case err != nil && err != io.EOF: //nolint:errorlint // an error that wraps io.EOF is not a complete file
		return n, brokenGzip(u.ref, err)
	}
	return n, err
}

// brokenGzip returns the error for a damaged file, or err if it is an error of the store or of the caller.
func brokenGzip(ref objstore.Ref, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
	case err == io.EOF, err == io.ErrUnexpectedEOF: //nolint:errorlint // an error that wraps these is a lost connection
	default:
		return fmt.Errorf("unpack %s: %w", ref.Key, err)
	}
	return &dataset.RowError{Reason: fmt.Sprintf("%s is not a readable gzip file: %v", ref.Key, err)}
}
