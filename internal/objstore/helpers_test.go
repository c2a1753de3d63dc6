package objstore_test

import (
	"io"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

var statOptions minio.StatObjectOptions

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// limitCalls returns a reader that ends after a number of reads.
func limitCalls(r io.Reader, calls int) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if calls == 0 {
			return 0, io.EOF
		}
		calls--
		return r.Read(p)
	})
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want it to contain %q", err, text)
	}
}
