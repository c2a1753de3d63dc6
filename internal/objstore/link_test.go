package objstore_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/objstore"
)

// public returns a store whose links have another endpoint than its own requests.
func public(t *testing.T, direct *objstore.Store, endpoint string) *objstore.Store {
	t.Helper()
	client := objstore.Client(direct)
	keys, err := client.GetCreds()
	if err != nil {
		t.Fatal(err)
	}
	store, err := objstore.New(objstore.Options{
		Endpoint:       client.EndpointURL().Host,
		AccessKey:      keys.AccessKeyID,
		SecretKey:      keys.SecretAccessKey,
		PublicEndpoint: endpoint,
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestLink(t *testing.T) {
	store, bucket := realS3(t)
	ref := put(t, store, bucket, "batches/a b+c/ü.csv", "label\nsetosa\n")
	host := objstore.Client(store).EndpointURL().Host
	elsewhere := strings.Replace(host, "127.0.0.1", "localhost", 1)
	if elsewhere == host {
		t.Fatalf("the server is at %s, want 127.0.0.1", host)
	}
	stores := map[string]*objstore.Store{host: store, elsewhere: public(t, store, "http://"+elsewhere+"/")}
	for want, store := range stores {
		download := objstore.Download{FileName: `batch "1".csv`, MediaType: "text/csv; charset=utf-8", For: time.Hour}
		link, err := store.Link(t.Context(), ref, download)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(link, "http://"+want+"/"+bucket+"/") || !strings.Contains(link, "X-Amz-Expires=3600") {
			t.Errorf("the link is %s, want one to %s for an hour", link, want)
		}
		answer, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusOK ||
			string(body) != "label\nsetosa\n" {
			t.Fatalf("%s: %d %s, %v", link, answer.StatusCode, body, err)
		}
		if got := answer.Header.Get("Content-Disposition"); got != `attachment; filename="batch__1_.csv"` {
			t.Errorf("Content-Disposition %q", got)
		}
		if got := answer.Header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
			t.Errorf("Content-Type %q", got)
		}
		changed, err := http.Get(strings.Replace(link, "X-Amz-Expires=3600", "X-Amz-Expires=7200", 1))
		if err != nil {
			t.Fatal(err)
		}
		if changed.Body.Close() != nil || changed.StatusCode != http.StatusForbidden {
			t.Errorf("a changed link answers %d, want 403", changed.StatusCode)
		}
	}
}

// A link needs no request: the server may be down.
func TestLink_makesNoRequest(t *testing.T) {
	store := connect(t, "127.0.0.1:1")
	link, err := store.Link(t.Context(), objstore.Ref{Bucket: "bucket", Key: "key"}, objstore.Download{For: time.Minute})
	if err != nil || !strings.HasPrefix(link, "http://127.0.0.1:1/bucket/key?") {
		t.Errorf("got %q, %v", link, err)
	}
	month := objstore.Download{For: 30 * 24 * time.Hour}
	if _, err := store.Link(t.Context(), objstore.Ref{Bucket: "bucket", Key: "key"}, month); err == nil {
		t.Error("a link for a month: got no error, but S3 allows at most seven days")
	} else {
		wantText(t, err, "link to s3://bucket/key: ")
	}
}

func TestNew_badPublicEndpoint(t *testing.T) {
	for _, endpoint := range []string{"ftp://host", "host/path"} {
		_, err := objstore.New(
			objstore.Options{Endpoint: "host:1", AccessKey: "key", SecretKey: "secret", PublicEndpoint: endpoint},
		)
		if err == nil {
			t.Errorf("%s: got no error", endpoint)
		} else {
			wantText(t, err, "endpoint "+endpoint)
		}
	}
}
