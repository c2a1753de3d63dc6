package openinference

import (
	"compress/zlib"
	"io"

	"google.golang.org/grpc/encoding"

	"iris/apiserver/httpio"
)

// gRPC finds its codings by name. They must be registered before the first request.
func init() { encoding.RegisterCompressor(deflate{}) }

// deflate is the coding that gRPC in C, and so in Python, calls deflate: zlib. The Go module has only gzip.
type deflate struct{}

// Name implements encoding.Compressor.
func (deflate) Name() string { return httpio.Deflate }

// Compress implements encoding.Compressor.
func (deflate) Compress(w io.Writer) (io.WriteCloser, error) {
	return zlib.NewWriterLevel(w, zlib.BestSpeed)
}

// Decompress implements encoding.Compressor.
func (deflate) Decompress(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
