package catalogue_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/catalogue"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestRecordBatch(t *testing.T) {
	w := newWorld(t)
	data, err := w.store.Put(t.Context(), w.bucket, "batches/a/input.csv", strings.NewReader("x\n1\n"), -1, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	digest := data.SHA256
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	record := func(i int, version string, rows objstore.Ref) {
		t.Helper()
		b := catalogue.Batch{
			TaskID:    fmt.Sprintf("batch/%d", i),
			Model:     "iris",
			Version:   version,
			Rows:      int64(i),
			StartedAt: at.Add(time.Duration(i) * time.Second),
		}
		for range 2 { // twice is once
			if err := w.RecordBatch(t.Context(), b, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	record(1, "1", data) // not a dataset yet
	if _, err := w.Keep(t.Context(), data); err != nil {
		t.Fatal(err)
	}
	record(2, "1", data)
	record(3, "1", objstore.Ref{Bucket: w.bucket, Key: objstore.DatasetKey(digest)})
	record(4, "1", objstore.Ref{Bucket: "other", Key: objstore.DatasetKey(digest)})
	record(5, "2", data)

	var seen []string
	after := ""
	for pages := 1; ; pages++ {
		batches, next, err := w.VersionBatches(t.Context(), "iris", "1", 3, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			seen = append(seen, fmt.Sprint(b.TaskID, " ", b.Rows, " ", b.Dataset == digest))
		}
		if after = next; next == "" {
			if pages != 2 {
				t.Errorf("%d pages of three, want two", pages)
			}
			break
		}
	}
	want := "batch/4 4 false, batch/3 3 true, batch/2 2 true, batch/1 1 false"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("version 1: %s, want %s", got, want)
	}
	of, next, err := w.DatasetBatches(t.Context(), digest, 3, "")
	if err != nil || next != "" || len(of) != 3 || of[0].Version != "2" || of[2].TaskID != "batch/2" {
		t.Errorf("dataset: %+v, next %q (%v), want batches 5, 3 and 2", of, next, err)
	}
	if none, next, err := w.VersionBatches(t.Context(), "iris", "9", 3, ""); err != nil || len(none) != 0 || next != "" {
		t.Errorf("version 9: %+v, %q (%v), want none", none, next, err)
	}
}

func TestRecordBatch_failures(t *testing.T) {
	w := newWorld(t)
	b := catalogue.Batch{TaskID: "t", Model: "iris", Version: "1", StartedAt: time.Now()}
	if err := w.RecordBatch(t.Context(), b, objstore.Ref{}); err != nil {
		t.Fatal(err)
	}
	w.proxy.Drain()
	if err := w.RecordBatch(t.Context(), catalogue.Batch{Model: "../x"}, objstore.Ref{}); err == nil {
		t.Error("recorded for the model ../x")
	}
	if _, _, err := w.VersionBatches(t.Context(), "../x", "1", 1, ""); err == nil {
		t.Error("listed for the model ../x")
	}
	if requests := w.proxy.Drain(); len(requests) != 0 {
		t.Errorf("a bad name of a model took %v, want no request", requests)
	}
	lists := func() error { _, _, err := w.VersionBatches(t.Context(), "iris", "1", 1, ""); return err }
	w.proxy.RefuseIf(func(r *http.Request) bool { return strings.Contains(r.URL.Path, ".") })
	if err := lists(); !errors.Is(err, objstore.ErrUnavailable) {
		t.Errorf("without objects: %v, want ErrUnavailable", err)
	}
	for _, rows := range []objstore.Ref{{}, {SHA256: strings.Repeat("ab", 32)}} {
		if err := w.RecordBatch(t.Context(), b, rows); !errors.Is(err, objstore.ErrUnavailable) {
			t.Errorf("record %+v: %v, want ErrUnavailable", rows, err)
		}
	}
	w.proxy.RefuseIf(testenv.IsList)
	if err := lists(); !errors.Is(err, objstore.ErrUnavailable) {
		t.Errorf("without lists: %v, want ErrUnavailable", err)
	}
}
