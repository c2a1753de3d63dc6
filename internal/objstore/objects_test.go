package objstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"iris/internal/objstore"
)

func TestCopy(t *testing.T) {
	store, bucket := realS3(t)
	from := put(t, store, bucket, "uploads/a b+c", "content")
	other := bucket + "-2"
	if err := store.EnsureBucket(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]objstore.Ref{
		"same bucket":  {Bucket: bucket, Key: "datasets/ü.csv"},
		"other bucket": {Bucket: other, Key: "copy"},
		"onto itself":  {Bucket: bucket, Key: "uploads/a b+c"},
	} {
		t.Run(name, func(t *testing.T) {
			source := objstore.Ref{Bucket: from.Bucket, Key: from.Key, SHA256: from.SHA256}
			got, err := store.Copy(t.Context(), source, to.Bucket, to.Key)
			if err != nil {
				t.Fatal(err)
			}
			to.Size, to.SHA256 = from.Size, from.SHA256
			if got != to {
				t.Errorf("Copy = %+v, want %+v", got, to)
			}
			if sum := storedSum(t, store, got); sum != from.SHA256 {
				t.Errorf("the copy has SHA-256 %s, want %s", sum, from.SHA256)
			}
		})
	}
	_, err := store.Copy(t.Context(), objstore.Ref{Bucket: bucket, Key: "none"}, bucket, "to")
	wantError(t, err, objstore.ErrNotExist, "s3://"+bucket+"/none")
	_, err = store.Copy(t.Context(), from, bucket+"-none", "to")
	wantError(t, err, objstore.ErrNotExist, "the bucket does not exist")
}

func TestCopy_ofManyParts(t *testing.T) {
	store, bucket := realS3(t)
	from, err := store.Put(t.Context(), bucket, "from", pattern(40*mib), -1, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	to, err := store.Copy(t.Context(), from, bucket, "to")
	if err != nil {
		t.Fatal(err)
	}
	if got := storedSum(t, store, to); got != from.SHA256 || to.Size != from.Size {
		t.Errorf("the copy is %+v with SHA-256 %s, want that of %+v", to, got, from)
	}
}

func TestDelete(t *testing.T) {
	store, bucket := realS3(t)
	ref := put(t, store, bucket, "object", "x")
	for _, test := range []struct{ name, bucket, key string }{
		{"object", bucket, "object"},
		{"the same object again", bucket, "object"},
		{"object that never existed", bucket, "none"},
		{"in a missing bucket", bucket + "-none", "object"},
	} {
		if err := store.Delete(t.Context(), test.bucket, test.key); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	_, err := store.Get(t.Context(), ref)
	wantError(t, err, objstore.ErrNotExist, ref.URI())
}

func TestDelete_refused(t *testing.T) {
	store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, "AccessDenied") })
	err := store.Delete(t.Context(), "bucket", "key")
	if err == nil || err.Error() != "delete s3://bucket/key: S3 denies access: said the server" {
		t.Errorf("got error %v, want the message of the server", err)
	}
}

func TestList(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{"b/2", "b/10", "a", "b/c/d", "b.csv", "B/1", "bb", "b/ü"} {
		put(t, store, bucket, key, key)
	}
	for _, test := range []struct {
		name, prefix string
		want         []string
	}{
		{"folder", "b/", []string{"b/10", "b/2", "b/c/d", "b/ü"}},
		{"prefix that is not a folder", "b", []string{"b.csv", "b/10", "b/2", "b/c/d", "b/ü", "bb"}},
		{"all, sorted by their bytes", "", []string{"B/1", "a", "b.csv", "b/10", "b/2", "b/c/d", "b/ü", "bb"}},
		{"nothing", "z/", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			refs, err := store.List(t.Context(), bucket, test.prefix)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ref := range refs {
				got = append(got, ref.Key)
				if ref.Bucket != bucket || ref.Size != int64(len(ref.Key)) {
					t.Errorf("got %+v, want bucket %s and %d bytes", ref, bucket, len(ref.Key))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("List(%q) = %q, want %q", test.prefix, got, test.want)
			}
		})
	}
	_, err := store.List(t.Context(), bucket+"-none", "")
	wantError(t, err, objstore.ErrNotExist, "list s3://"+bucket+"-none/: the bucket does not exist")
}

// page writes one page of a list. next is the token of the next page.
func page(w io.Writer, next string, keys ...string) {
	_, _ = fmt.Fprintf(
		w,
		"<ListBucketResult><IsTruncated>%t</IsTruncated><NextContinuationToken>%s</NextContinuationToken>",
		next != "",
		next,
	)
	for _, key := range keys {
		_, _ = fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>1</Size></Contents>", key)
	}
	_, _ = io.WriteString(w, "</ListBucketResult>")
}

func TestList_pages(t *testing.T) {
	store := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
		switch token := r.URL.Query().Get("continuation-token"); token {
		case "":
			page(w, "two", "c", "b")
		case "two":
			page(w, "three")
		case "three":
			page(w, "", "a")
		default:
			fail(w, http.StatusBadRequest, "InvalidArgument")
		}
	})
	refs, err := store.List(t.Context(), "bucket", "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ref := range refs {
		got = append(got, ref.Key)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q: all pages, sorted", got, want)
	}
}

func TestList_isWholeOrAnError(t *testing.T) {
	t.Run("a later page fails", func(t *testing.T) {
		store := fakeS3(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("continuation-token") == "" {
				page(w, "two", "a")
				return
			}
			fail(w, http.StatusForbidden, "AccessDenied")
		})
		if refs, err := store.List(t.Context(), "bucket", ""); err == nil {
			t.Errorf("got %v, want an error", refs)
		}
	})
	t.Run("cancelled between pages", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) {
			page(w, "more", "a")
			cancel()
		})
		_, err := store.List(ctx, "bucket", "")
		wantError(t, err, context.Canceled, "list s3://bucket/")
	})
	t.Run("not a list", func(t *testing.T) {
		store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
		if refs, err := store.List(t.Context(), "bucket", ""); err == nil {
			t.Errorf("got %v, want an error", refs)
		}
	})
}

func TestListPage(t *testing.T) {
	store, bucket := realS3(t)
	for _, key := range []string{"a/1", "a/2", "a/3", "a/4", "b/1"} {
		put(t, store, bucket, key, key)
	}
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		refs, err := store.ListPage(t.Context(), bucket, "a/", after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range refs {
			got = append(got, ref.Key)
		}
		if len(refs) < 3 {
			break
		}
	}
	if !slices.Equal(got, []string{"a/1", "a/2", "a/3", "a/4"}) {
		t.Errorf("pages of three have %q, want each object under a/ once", got)
	}
	if _, err := store.ListPage(t.Context(), "no-such-bucket", "", "", 1); !errors.Is(err, objstore.ErrNotExist) {
		t.Errorf("missing bucket: %v, want ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.ListPage(ctx, bucket, "a/", "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want context.Canceled", err)
	}
}
