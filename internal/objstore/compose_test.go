package objstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"iris/internal/objstore"
)

func TestCompose_isTheHeadAndTheObjects(t *testing.T) {
	store, bucket := realS3(t)
	for name, test := range map[string]struct {
		head  string
		sizes []int64
	}{
		"nothing":                     {"", nil},
		"head alone":                  {"head\n", nil},
		"one small":                   {"head\n", []int64{10}},
		"one large":                   {"head\n", []int64{7 * mib}},
		"one large without a head":    {"", []int64{7 * mib}},
		"many small":                  {"head\n", []int64{1, 2, 3, 0, 4}},
		"small ones that make parts":  {"head\n", []int64{3 * mib, 3 * mib, 3 * mib, 1}},
		"large ones":                  {"head\n", []int64{11 * mib, 6 * mib, 5 * mib}},
		"large ones without a head":   {"", []int64{6 * mib, 0, 5*mib + 1, 2}},
		"the rest would be too small": {"head\n", []int64{5*mib + 100, 6 * mib}},
		"small among large":           {"h", []int64{12 * mib, 1, 12 * mib, 2 * mib, 6 * mib}},
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.NewBufferString(test.head)
			var refs []objstore.Ref
			for i, size := range test.sizes {
				data, err := io.ReadAll(pattern(size))
				if err != nil {
					t.Fatal(err)
				}
				if size > 0 {
					data[0] = byte(i) // no two objects are equal
				}
				want.Write(data)
				ref, err := store.Put(t.Context(), bucket, "part-"+string(rune('a'+i)), bytes.NewReader(data), size, "text/csv")
				if err != nil {
					t.Fatal(err)
				}
				refs = append(refs, ref)
			}
			for range 2 { // an activity may run twice
				got, err := store.Compose(t.Context(), bucket, "whole", "text/csv", []byte(test.head), refs)
				if err != nil {
					t.Fatal(err)
				}
				body, err := store.Get(t.Context(), got)
				if err != nil {
					t.Fatal(err)
				}
				if text := read(t, body); text != want.String() || got.Size != int64(len(text)) {
					t.Errorf("the object has %d bytes and the ref says %d, want %d in both", len(text), got.Size, want.Len())
				}
			}
		})
	}
}

// A failure leaves the key as it was.
func TestCompose_errors(t *testing.T) {
	store, bucket := realS3(t)
	put(t, store, bucket, "whole", "as it was")
	large, err := store.Put(t.Context(), bucket, "large", pattern(6*mib), 6*mib, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	none := objstore.Ref{Bucket: bucket, Key: "none", Size: 6 * mib}
	for name, refs := range map[string][]objstore.Ref{
		"sent": {none, large}, "copied": {large, none}, "small": {{Bucket: bucket, Key: "none", Size: 5}},
	} {
		_, err := store.Compose(t.Context(), bucket, "whole", "text/csv", []byte("head"), refs)
		if !errors.Is(err, objstore.ErrNotExist) {
			t.Errorf("%s: %v, want ErrNotExist", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Compose(ctx, bucket, "whole", "text/csv", nil, []objstore.Ref{large, large})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want context.Canceled", err)
	}
	body, err := store.Get(t.Context(), objstore.Ref{Bucket: bucket, Key: "whole"})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, body); got != "as it was" {
		t.Errorf("the object contains %.40q, want what it was", got)
	}
}

func TestReaderAt(t *testing.T) {
	store, bucket := realS3(t)
	put(t, store, bucket, "object", "0123456789")
	ref, err := store.Stat(t.Context(), bucket, "object")
	if err != nil {
		t.Fatal(err)
	}
	r := store.ReaderAt(t.Context(), ref)
	for _, test := range []struct {
		offset int64
		length int
		want   string
		err    error
	}{
		{0, 4, "0123", nil}, {6, 4, "6789", nil}, {8, 4, "89", io.EOF}, {10, 1, "", io.EOF}, {3, 0, "", nil},
	} {
		p := make([]byte, test.length)
		n, err := r.ReadAt(p, test.offset)
		if string(p[:n]) != test.want || !errors.Is(err, test.err) {
			t.Errorf("ReadAt(%d bytes, %d) = %q, %v; want %q, %v", test.length, test.offset, p[:n], err, test.want, test.err)
		}
	}
	put(t, store, bucket, "object", "something else")
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("after the object was replaced: %v, want ErrChanged", err)
	}
}

func TestListAtMost(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{"p/a", "p/b", "p/c"} {
		put(t, store, bucket, key, strings.ToUpper(key))
	}
	refs, err := store.ListAtMost(t.Context(), bucket, "p/", 2)
	if err != nil || len(refs) != 2 || refs[0].Key != "p/a" || refs[0].ETag == "" {
		t.Errorf("got %v, %v; want the first two with their ETags", refs, err)
	}
}
