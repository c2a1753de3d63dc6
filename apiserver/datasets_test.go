package apiserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
)

const csvType = "Content-Type: text/csv"

func TestDatasets(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	wine := string(datasettest.Wine())
	var up DatasetUploaded
	got := a.do(t, "POST", "/datasets", wine, csvType)
	got.json(t, http.StatusCreated, &up)
	if len(up.Digest) != 64 || up.Bytes != int64(len(wine)) || up.URI != "s3://"+a.Bucket+"/datasets/"+up.Digest+".csv" ||
		len(up.Schema.Features) != 13 || up.Profile.Rows != 178 || got.header.Get("Location") != "/datasets/"+up.Digest {
		t.Errorf("got %+v, want the unchanged wine data", up)
	}
	body, header := form(part{"file", wine})
	var again DatasetUploaded
	a.do(t, "POST", "/datasets", body, header).json(t, http.StatusCreated, &again)
	if again.Digest != up.Digest {
		t.Errorf("the same bytes became %s and %s", up.Digest, again.Digest)
	}
	var other DatasetUploaded
	a.do(t, "POST", "/datasets?label_column=kind", "kind,x\na,1\na,2\nb,3\nb,4\n", csvType).
		json(t, http.StatusCreated, &other)
	if other.Schema.Label != "kind" || len(other.Schema.Features) != 1 {
		t.Errorf("got %+v, want the class column kind", other.Schema)
	}
	a.idle(t)
	if left := a.keys(t, a.Bucket, objstore.UploadsPrefix); len(left) != 0 {
		t.Errorf("uploads left behind: %v", left)
	}

	var listed []string
	eachPage(t, a, "/datasets?page_size=1", func(page struct{ Datasets []Dataset }) {
		for _, d := range page.Datasets {
			listed = append(listed, d.Digest)
		}
	})
	if len(listed) != 2 || listed[0] >= listed[1] {
		t.Errorf("listed %v, want both datasets once, sorted", listed)
	}
	for _, digest := range []string{up.Digest, up.Digest[:12]} {
		var one DatasetDetails
		a.do(t, "GET", "/datasets/"+digest, nil).json(t, 200, &one)
		if one.Digest != up.Digest || len(one.Views) != 1 || one.Views[0].Profile.Rows != 178 || len(one.Versions) != 0 {
			t.Errorf("got %+v, want the wine data without versions", one)
		}
	}
}

func TestDatasets_versions(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	digest := strings.Repeat("ab", 32) // the dataset of every version of this world
	must(a.store.Put(t.Context(), a.Bucket, objstore.DatasetKey(digest), strings.NewReader("x"), 1, "text/csv"))
	var one DatasetDetails
	a.do(t, "GET", "/datasets/"+digest, nil).json(t, 200, &one)
	versions := fmt.Sprint(one.Versions)
	for _, want := range []string{"models:/iris/1", "models:/iris/2", "models:/wine/1"} {
		if !strings.Contains(versions, want) {
			t.Errorf("versions %s, want %s among them", versions, want)
		}
	}
}

func TestDatasets_badRequests(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxUpload = 5000 })
	for _, last := range []string{"0", "1"} {
		key := objstore.DatasetKey(strings.Repeat("cd", 31) + "a" + last)
		must(a.store.Put(t.Context(), a.Bucket, key, strings.NewReader("x"), 1, "text/csv"))
	}
	for _, test := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"an ambiguous digest", "/datasets/" + strings.Repeat("cd", 6), 409, "2 datasets"},
		{"an unknown digest", "/datasets/" + strings.Repeat("ef", 6), 404, ""},
		{"a short digest", "/datasets/cdcdcdcdcdc", 422, ""},
		{"capital digits", "/datasets/CDCDCDCDCDCD", 422, ""},
		{"a token of another list", "/datasets?page_token=" + pageToken("tasks", []byte("x")), 422, ""},
		{"an unknown parameter", "/datasets?order=up", 422, ""},
	} {
		t.Run(test.name, func(t *testing.T) { a.do(t, "GET", test.path, nil).problem(t, test.status, test.want) })
	}
	const good = "x,kind\n1,a\n2,a\n3,b\n4,b\n"
	asForm := func(parts ...part) [2]string { body, header := form(parts...); return [2]string{body, header} }
	asCSV := func(body string) [2]string { return [2]string{body, csvType} }
	for _, test := range []struct {
		name, query string
		send        [2]string // body and header
		status      int
		want        string
	}{
		{"no type", "", [2]string{good, "X-None: x"}, 415, "text/csv"},
		{"another charset", "", [2]string{good, csvType + "; charset=utf-16"}, 415, ""},
		{"a parameter of a training", "?seed=1", asCSV(good), 422, "seed"},
		{"two class columns", "?label_column=x&label_column=y", asCSV(good), 422, "twice"},
		{"an unknown class column", "?label_column=none", asCSV(good), 422, "none"},
		{"bad rows", "", asCSV(good + "1,2,a\n"), 422, "line 6"},
		{"an empty file", "", asCSV(""), 422, "empty"},
		{"a large file", "", asCSV(good + strings.Repeat("1,a\n", 2000)), 413, ""},
		{"an empty form", "", asForm(), 422, "file: is missing"},
		{"another part", "", asForm(part{"data", good}), 422, "data"},
		{"a part after the file", "", asForm(part{"file", good}, part{"request", "{}"}), 422, "last part"},
		{"no boundary", "", [2]string{good, "Content-Type: multipart/form-data"}, 400, ""},
		{"not a form", "", [2]string{good, "Content-Type: multipart/form-data; boundary=x"}, 400, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a.do(t, "POST", "/datasets"+test.query, test.send[0], test.send[1]).problem(t, test.status, test.want)
		})
	}
	a.idle(t)
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 2 {
		t.Errorf("left behind: %v, want only the two datasets", keys)
	}
}
