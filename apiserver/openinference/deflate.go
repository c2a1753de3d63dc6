package openinference

import (
	"compress/zlib"
	"io"

	"google.golang.org/grpc/encoding"

	"iris/apiserver/httpio"
)

// gRPC knows its codings by name and takes new ones during the start of the process only.
func init() { encoding.RegisterCompressor(deflate{}) }

// deflate is the coding of gRPC that C, and with it Python, calls so: zlib. grpc brings gzip alone.
type deflate struct{}

// Name implements encoding.Compressor.
func (deflate) Name() string { return httpio.Deflate }

// Compress implements encoding.Compressor.
func (deflate) Compress(w io.Writer) (io.WriteCloser, error) {
	return zlib.NewWriterLevel(w, zlib.BestSpeed)
}

// Decompress implements encoding.Compressor.
func (deflate) Decompress(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
