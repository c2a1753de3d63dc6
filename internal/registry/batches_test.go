package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
)

func TestNoteBatch(t *testing.T) {
	w := newWorld(t)
	data, err := w.Store.Put(t.Context(), w.Bucket, "batches/a/input.csv", strings.NewReader("x\n1\n"), -1, "text/csv")
	if err != nil {
		t.Fatal(err)
	}
	digest := data.SHA256
	at := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	note := func(i int, version string, rows objstore.Ref) {
		t.Helper()
		for range 2 { // twice is once
			b := registry.Batch{
				TaskID:    fmt.Sprintf("batch/%d", i),
				Model:     "iris",
				Version:   version,
				Rows:      int64(i),
				StartedAt: at.Add(time.Duration(i) * time.Second),
			}
			if err := w.NoteBatch(t.Context(), b, rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	note(1, "1", data) // not a dataset yet
	if _, err := w.Store.Copy(t.Context(), data, w.Bucket, objstore.DatasetKey(digest)); err != nil {
		t.Fatal(err)
	}
	note(2, "1", data)
	note(3, "1", objstore.Ref{Bucket: w.Bucket, Key: objstore.DatasetKey(digest)})
	note(4, "1", objstore.Ref{Bucket: "other", Key: objstore.DatasetKey(digest)})
	note(5, "2", data)

	var seen []string
	page := registry.Page{Limit: 3}
	for pages := 1; ; pages++ {
		batches, next, err := w.VersionBatches(t.Context(), "iris", "1", page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			seen = append(seen, fmt.Sprint(b.TaskID, " ", b.Rows, " ", b.Dataset == digest))
		}
		if page.After = next; next == "" {
			if pages != 2 {
				t.Errorf("%d pages of three, want two", pages)
			}
			break
		}
	}
	if got, want := strings.Join(
		seen,
		", ",
	), "batch/4 4 false, batch/3 3 true, batch/2 2 true, batch/1 1 false"; got != want {
		t.Errorf("version 1: %s, want %s", got, want)
	}
	of, next, err := w.DatasetBatches(t.Context(), digest, registry.Page{Limit: 3})
	if err != nil || next != "" || len(of) != 3 || of[0].Version != "2" || of[2].TaskID != "batch/2" {
		t.Errorf("dataset: %+v, next %q (%v), want batches 5, 3 and 2", of, next, err)
	}
	if none, next, err := w.VersionBatches(t.Context(), "iris", "9", page); err != nil || len(none) != 0 || next != "" {
		t.Errorf("version 9: %+v, %q (%v), want none", none, next, err)
	}
}

func TestNoteBatch_failures(t *testing.T) {
	w := newWorld(t)
	b := registry.Batch{TaskID: "t", Model: "iris", Version: "1", StartedAt: time.Now()}
	if err := w.NoteBatch(t.Context(), b, objstore.Ref{}); err != nil {
		t.Fatal(err)
	}
	if err := w.NoteBatch(
		t.Context(),
		registry.Batch{Model: "../x"},
		objstore.Ref{},
	); !errors.Is(
		err,
		registry.ErrBadReference,
	) {
		t.Errorf("got %v, want ErrBadReference", err)
	}
	if _, _, err := w.VersionBatches(
		t.Context(),
		"../x",
		"1",
		registry.Page{Limit: 1},
	); !errors.Is(
		err,
		registry.ErrBadReference,
	) {
		t.Errorf("got %v, want ErrBadReference", err)
	}
	for name, lost := range map[string]func(*http.Request) bool{
		"objects": func(r *http.Request) bool { return strings.Contains(r.URL.Path, ".") },
		"lists":   func(r *http.Request) bool { return r.URL.Query().Has("list-type") },
	} {
		w.S3Proxy.Decide(func(r *http.Request) testenv.Fate {
			if lost(r) {
				return testenv.Refuse
			}
			return testenv.Pass
		})
		if _, _, err := w.VersionBatches(
			t.Context(),
			"iris",
			"1",
			registry.Page{Limit: 1},
		); !errors.Is(
			err,
			registry.ErrUnavailable,
		) {
			t.Errorf("without %s: %v, want ErrUnavailable", name, err)
		}
		if name == "lists" {
			continue
		}
		for _, rows := range []objstore.Ref{{}, {SHA256: strings.Repeat("ab", 32)}} {
			if err := w.NoteBatch(t.Context(), b, rows); !errors.Is(err, registry.ErrUnavailable) {
				t.Errorf("note %+v: %v, want ErrUnavailable", rows, err)
			}
		}
	}
}
