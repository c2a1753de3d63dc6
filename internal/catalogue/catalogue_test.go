package catalogue_test

import (
	"strings"
	"testing"

	"iris/internal/catalogue"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a catalogue in a bucket of its own, which it reaches through a proxy.
type world struct {
	*catalogue.Catalogue
	store  *objstore.Store // without the proxy
	bucket string
	proxy  *testenv.Proxy
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: testenv.S3(t), bucket: testenv.Bucket(t)}
	var store *objstore.Store
	w.proxy, store = testenv.S3Proxy(t)
	var err error
	w.Catalogue, err = catalogue.New(
		catalogue.Options{Store: store, Bucket: w.bucket, DataBuckets: []string{"lake"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// annotations returns the annotations of one dataset.
func (w *world) annotations(t *testing.T, digest string) catalogue.Annotations {
	t.Helper()
	all, err := w.Annotations(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	return all[digest]
}

func TestNew_namesWhatIsMissing(t *testing.T) {
	for want, o := range map[string]catalogue.Options{
		"Store": {Bucket: "iris"}, "Bucket": {Store: new(objstore.Store)},
	} {
		if _, err := catalogue.New(o); err == nil || !strings.Contains(err.Error(), want+" is missing") {
			t.Errorf("got %v, want %s is missing", err, want)
		}
	}
}

func TestCheckReadable(t *testing.T) {
	w := newWorld(t)
	for bucket, open := range map[string]bool{w.bucket: true, "lake": true, "mlflow": false, "": false} {
		if err := w.CheckReadable(objstore.Ref{Bucket: bucket, Key: "x"}); (err == nil) != open {
			t.Errorf("bucket %q: %v, want open %t", bucket, err, open)
		}
	}
}
