package httpio

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestObjectReader(t *testing.T) {
	store, bucket := testenv.S3(t), testenv.Bucket(t)
	content := strings.Repeat("0123456789", 1000)
	ref, err := store.Put(t.Context(), bucket, "object-reader", strings.NewReader(content), -1, "")
	if err != nil {
		t.Fatal(err)
	}
	o := &objectReader{ctx: t.Context(), store: store, ref: ref}
	defer o.close()
	if err := iotest.TestReader(o, []byte(content)); err != nil {
		t.Error(err)
	}
	if _, err := o.Seek(-1, io.SeekStart); err == nil {
		t.Error("seek before the start: got no error")
	}
	gone := &objectReader{ctx: t.Context(), store: store, ref: objstore.Ref{Bucket: bucket, Key: "none", Size: 5}}
	_, err = gone.Read(make([]byte, 1))
	if !errors.Is(err, objstore.ErrNotExist) || !errors.Is(gone.err, objstore.ErrNotExist) {
		t.Errorf("got %v and %v, want ErrNotExist from both", err, gone.err)
	}
}
