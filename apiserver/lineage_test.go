package apiserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/catalogue"
	"iris/internal/objstore"
)

func TestBatches_ofVersionsAndDatasets(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	var up DatasetUploaded
	a.do(t, "POST", "/datasets", smallCSV, csvType).json(t, http.StatusCreated, &up)
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	for i := range 3 {
		b := catalogue.Batch{
			TaskID:     fmt.Sprintf("batch/%d", i),
			Model:      "wine",
			Version:    "1",
			Rows:       4,
			StartedAt:  at.Add(time.Duration(i) * time.Minute),
			FinishedAt: at,
		}
		ref := objstore.Ref{Bucket: a.Bucket, Key: objstore.DatasetKey(up.Digest)}
		if err := a.models.catalogue.RecordBatch(t.Context(), b, ref); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/wine/versions/1/batches", "/datasets/" + up.Digest[:12] + "/batches"} {
		var seen []string
		eachPage(t, a, path+"?page_size=2", func(page struct{ Batches []BatchUse }) {
			for _, b := range page.Batches {
				seen = append(seen, b.TaskID)
				if b.Links.Result != "/wine/predict/batch/"+strings.ReplaceAll(b.TaskID, "/", "%2F") ||
					b.Links.Version != "/wine/versions/1" ||
					b.DatasetSHA256 != up.Digest || b.Dataset != up.Digest ||
					b.Rows != 4 {
					t.Errorf("%s: %+v, want links to the result and the version", path, b)
				}
			}
		})
		if got := strings.Join(seen, " "); got != "batch/2 batch/1 batch/0" {
			t.Errorf("%s lists %s, want all three, newest first", path, got)
		}
	}
	a.do(t, "GET", "/wine/versions/99/batches", nil).problem(t, 404, "no version")
	a.do(t, "GET", "/nosuch/versions/1/batches", nil).problem(t, 404, "no model")
	a.do(t, "GET", "/datasets/"+strings.Repeat("ef", 6)+"/batches", nil).problem(t, 404, "no dataset")
	a.do(t, "GET", "/wine/versions/1/batches?page_token=x", nil).problem(t, 422, "page_token")
}
