package apiserver

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestUpload_becomesADataset(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	uci, wine := string(datasettest.UCIIris()), string(datasettest.Wine())
	asForm := func(csv string) [2]string {
		body, header := form(part{"request", `{"seed":1}`}, part{"file", csv})
		return [2]string{body, header}
	}
	for _, test := range []struct {
		name, path, csv string
		send            [2]string
	}{
		{"a body", "/iris/training", string(datasettest.Iris()), [2]string{string(datasettest.Iris()), csvType}},
		{"a form", "/iris/training", string(datasettest.Iris()), asForm(string(datasettest.Iris()))},
		{"UCI's file without a header", "/iris/training", uci, asForm(uci)},
		{"with CRLF", "/training", strings.ReplaceAll(uci, "\n", "\r\n"), asForm(strings.ReplaceAll(uci, "\n", "\r\n"))},
		{"a new model", "/newcomer/training", wine, [2]string{wine, "Content-Type: text/csv; charset=utf-8"}},
		{"of another schema, if allowed", "/iris/training?allow_schema_change=true", wine, asForm(wine)},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := a.accepted(t, a.do(t, "POST", test.path, test.send[0], test.send[1]))
			sum := sha256.Sum256([]byte(test.csv))
			key := "datasets/" + hex.EncodeToString(sum[:]) + ".csv"
			if in := a.inputOf(t, id); in.DatasetURI != "s3://"+a.Bucket+"/"+key {
				t.Errorf("started on %q, want %s", in.DatasetURI, key)
			}
			object := must(a.store.Get(t.Context(), objstore.Ref{Bucket: a.Bucket, Key: key}))
			defer object.Close()
			if got := string(must(io.ReadAll(object))); got != test.csv {
				t.Errorf("%d bytes were kept, want the %d that were sent", len(got), len(test.csv))
			}
			if left := a.keys(t, a.Bucket, objstore.UploadsPrefix); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if got := a.keys(t, a.Bucket, "datasets/"); len(got) != 4 {
		t.Errorf("%d datasets, want 4: the same bytes are the same dataset: %v", len(got), got)
	}
}

func TestUpload_badCSVs(t *testing.T) {
	for _, bad := range datasettest.BadFiles() {
		t.Run(bad.Name, func(t *testing.T) {
			a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxUpload = bad.MaxBytes })
			path := "/iris/training"
			if bad.NewModel {
				path = "/newcomer/training"
			}
			if bad.LabelColumn != "" {
				path += "?label_column=" + bad.LabelColumn
			}
			formBody, formType := form(part{"file", string(bad.CSV)})
			for _, send := range [][2]string{{string(bad.CSV), csvType}, {formBody, formType}} {
				got := a.do(t, "POST", path, send[0], send[1])
				p := got.problem(t, bad.Status, bad.Want)
				if bad.Status == http.StatusUnprocessableEntity {
					p.faultAt(t, problem.Fault{Line: bad.Line, Column: bad.Column})
				}
			}
			if n := a.started.Load(); n != 0 {
				t.Errorf("%d workflows were started", n)
			}
			if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 {
				t.Errorf("left behind: %v", keys)
			}
		})
	}
}

// The source of an upload is recorded once, with one listing of the annotations.
func TestUpload_recordsItsSourceOnce(t *testing.T) {
	proxy, store := testenv.S3Proxy(t)
	a := newAPI(t, freshBucket(t), func(o *Options) { o.Store = store })
	body, header := form(part{"file", string(datasettest.Wine())})
	var lists, sources int
	proxy.Decide(func(r *http.Request) testenv.Fate {
		switch {
		case testenv.IsList(r):
			lists++
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/sources/"):
			sources++
		}
		return testenv.Pass
	})
	a.accepted(t, a.do(t, "POST", "/newcomer/training", body, header))
	proxy.Decide(nil)
	if lists != 1 || sources != 1 {
		t.Errorf("the upload took %d listings and recorded %d sources, want 1 and 1", lists, sources)
	}
}

// repeating repeats a line without end.
type repeating struct {
	line string
	at   int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.line[r.at:])
		n, r.at = n+k, (r.at+k)%len(r.line)
	}
	return n, nil
}

// A client that hangs up leaves no object, however much has arrived.
func TestUpload_clientHangsUp(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	a.hangUp(t, "/newcomer/training", "text/csv", "a,b,class\n", "1,2,x\n2,3,y\n")
	a.leavesNothing(t, 0)
}

// If the store fails during an upload, the client gets an answer before it has sent everything.
func TestUpload_storeFails(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.Bucket = "no-such-bucket" })
	body := io.MultiReader(strings.NewReader("a,b,class\n"), io.LimitReader(&repeating{line: "1,2,x\n2,3,y\n"}, 200<<20))
	r := must(http.NewRequest("POST", a.url+"/newcomer/training", body))
	r.Header.Set("Content-Type", "text/csv")
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Logf("the answer was lost: %v", err) // if the client was still sending
	} else {
		defer response.Body.Close()
		if response.StatusCode != http.StatusInternalServerError {
			t.Errorf("status %d, want 500", response.StatusCode)
		}
	}
	a.idle(t)
	if !strings.Contains(a.log.String(), "no-such-bucket") {
		t.Errorf("the cause was not logged: %s", a.log)
	}
}

func TestUpload_anotherSchema(t *testing.T) {
	a := newAPI(t)
	wine := string(datasettest.Wine())
	a.do(t, "POST", "/iris/training", wine, csvType).problem(t, 422, "petal")
	a.do(t, "POST", "/wine/training", string(dataset.IrisCSV()), csvType).problem(t, 422, "alcohol")
}
