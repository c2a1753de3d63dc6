package apiserver

import (
	"cmp"
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
		t.Errorf("got %+v, want the wine data as it is", up)
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
		t.Errorf("got %+v, want it read by the class column kind", other.Schema)
	}
	a.idle(t)
	if left := a.keys(t, a.Bucket, objstore.UploadsPrefix); len(left) != 0 {
		t.Errorf("uploads left behind: %v", left)
	}

	var listed []string
	token := ""
	for pages := 0; pages == 0 || token != ""; pages++ {
		var page struct {
			Datasets      []Dataset
			NextPageToken string `json:"next_page_token"`
		}
		a.do(t, "GET", "/datasets?page_size=1&page_token="+token, nil).json(t, 200, &page)
		for _, d := range page.Datasets {
			listed = append(listed, d.Digest)
		}
		token = page.NextPageToken
	}
	if len(listed) != 2 || listed[0] >= listed[1] {
		t.Errorf("listed %v, want both datasets once, in order", listed)
	}
	for _, digest := range []string{up.Digest, up.Digest[:12]} {
		var one DatasetDetails
		a.do(t, "GET", "/datasets/"+digest, nil).json(t, 200, &one)
		if one.Digest != up.Digest || len(one.Views) != 1 || one.Views[0].Profile.Rows != 178 || len(one.Versions) != 0 {
			t.Errorf("got %+v, want the wine data, which nothing was trained on", one)
		}
	}
}

func TestDatasets_whoUsesThem(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	digest := strings.Repeat("ab", 32) // what every version of this world was trained on
	must(a.store.Put(t.Context(), a.Bucket, objstore.DatasetKey(digest), strings.NewReader("x"), 1, "text/csv"))
	var one DatasetDetails
	a.do(t, "GET", "/datasets/"+digest, nil).json(t, 200, &one)
	users := fmt.Sprint(one.Versions)
	for _, want := range []string{"models:/iris/1", "models:/iris/2", "models:/wine/1"} {
		if !strings.Contains(users, want) {
			t.Errorf("used by %s, want %s among them", users, want)
		}
	}
}

func TestDatasets_badRequests(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxUpload = 5000 })
	for _, last := range []string{"0", "1"} {
		key := objstore.DatasetKey(strings.Repeat("cd", 31) + "a" + last)
		must(a.store.Put(t.Context(), a.Bucket, key, strings.NewReader("x"), 1, "text/csv"))
	}
	const good = "x,kind\n1,a\n2,a\n3,b\n4,b\n"
	formOf := func(parts ...part) [2]string { body, header := form(parts...); return [2]string{body, header} }
	for _, test := range []struct {
		name, method, path string
		send               [2]string // body and header
		status             int
		want               string
	}{
		{name: "an ambiguous digest", path: "/datasets/" + strings.Repeat("cd", 6), status: 409, want: "2 datasets"},
		{name: "an unknown digest", path: "/datasets/" + strings.Repeat("ef", 6), status: 404},
		{name: "a short digest", path: "/datasets/cdcdcdcdcdc", status: 422},
		{name: "no digest", path: "/datasets/CDCDCDCDCDCD", status: 422},
		{name: "a token of another list", path: "/datasets?page_token=" + pageToken("tasks", []byte("x")), status: 422},
		{name: "an unknown parameter", path: "/datasets?order=up", status: 422},
		{name: "no type", method: "POST", path: "/datasets", send: [2]string{good, "X-None: x"}, status: 415, want: "text/csv"},
		{name: "another charset", method: "POST", path: "/datasets", send: [2]string{good, csvType + "; charset=utf-16"}, status: 415},
		{name: "a parameter of a training", method: "POST", path: "/datasets?seed=1", send: [2]string{good, csvType}, status: 422, want: "seed"},
		{name: "a class column twice", method: "POST", path: "/datasets?label_column=x&label_column=y", send: [2]string{good, csvType}, status: 422, want: "twice"},
		{name: "no such class column", method: "POST", path: "/datasets?label_column=none", send: [2]string{good, csvType}, status: 422, want: "none"},
		{name: "bad rows", method: "POST", path: "/datasets", send: [2]string{good + "x,a\n", csvType}, status: 422, want: "line 6"},
		{name: "an empty file", method: "POST", path: "/datasets", send: [2]string{"", csvType}, status: 422, want: "empty"},
		{name: "far too much", method: "POST", path: "/datasets", send: [2]string{good + strings.Repeat("1,a\n", 2000), csvType}, status: 413},
		{name: "an empty form", method: "POST", path: "/datasets", send: formOf(), status: 422, want: "file: is missing"},
		{name: "another part", method: "POST", path: "/datasets", send: formOf(part{"data", good}), status: 422, want: "data"},
		{name: "a part behind the file", method: "POST", path: "/datasets", send: formOf(part{"file", good}, part{"request", "{}"}), status: 422, want: "last part"},
		{name: "no boundary", method: "POST", path: "/datasets", send: [2]string{good, "Content-Type: multipart/form-data"}, status: 400},
		{name: "no form", method: "POST", path: "/datasets", send: [2]string{good, "Content-Type: multipart/form-data; boundary=x"}, status: 400, want: "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a.do(t, cmp.Or(test.method, "GET"), test.path, test.send[0], cmp.Or(test.send[1], "X-None: x")).
				problem(t, test.status, test.want)
		})
	}
	a.idle(t)
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 2 {
		t.Errorf("left behind: %v, want the two datasets alone", keys)
	}
}
