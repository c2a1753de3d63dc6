package apiserver

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/catalogue"
)

const (
	smallCSV = "x,kind\n1,a\n2,a\n3,b\n4,b\n"
	jsonType = "Content-Type: application/json"
)

// patchDataset sends a PATCH of a dataset.
func (a *api) patchDataset(t *testing.T, digest, body string) answer {
	t.Helper()
	return a.do(t, "PATCH", "/datasets/"+digest, body, jsonType)
}

func TestDatasetAnnotations(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	upload := func(path, body, header string) DatasetUploaded {
		t.Helper()
		var up DatasetUploaded
		a.do(t, "POST", path, body, header).json(t, http.StatusCreated, &up)
		return up
	}
	first := upload("/datasets?name=small&tag=owner:ada&tag=site:https://example.org/", smallCSV, csvType)
	if !slices.Equal(first.Names, []string{"small"}) ||
		!maps.Equal(first.Tags, map[string]string{"owner": "ada", "site": "https://example.org/"}) ||
		len(first.Sources) != 1 ||
		first.Sources[0].Kind != catalogue.SourceUpload ||
		first.Sources[0].FirstSeenAt.IsZero() {
		t.Errorf("got %+v, want its name, two tags and an upload", first.Dataset)
	}
	body, header := form(part{"file", smallCSV})
	second := upload("/datasets?name=tiny&tag=owner:eve", body, header)
	if second.Digest != first.Digest || !slices.Equal(second.Names, []string{"small", "tiny"}) ||
		second.Tags["owner"] != "eve" ||
		second.Tags["site"] == "" {
		t.Errorf("got %+v, want the same dataset with both names and the later owner", second.Dataset)
	}
	if n := len(second.Sources); n != 2 || second.Sources[0] != first.Sources[0] || second.Sources[1].FileName != "f" {
		t.Errorf("sources %+v, want the first one and the file f", second.Sources)
	}
	other := upload("/datasets?name=small", smallCSV+"5,b\n", csvType)

	listed := func(query string) (digests []string) {
		t.Helper()
		var page struct {
			Datasets      []Dataset
			NextPageToken string `json:"next_page_token"`
		}
		a.do(t, "GET", "/datasets"+query, nil).json(t, 200, &page)
		for _, d := range page.Datasets {
			digests = append(digests, d.Digest)
			if !slices.Contains(d.Names, "small") || len(d.Sources) == 0 || d.Tags == nil {
				t.Errorf("listed %+v, want its names and sources", d)
			}
		}
		return digests
	}
	if all := listed(""); len(all) != 2 {
		t.Errorf("listed %v, want both", all)
	}
	if named := listed("?name=tiny"); !slices.Equal(named, []string{first.Digest}) {
		t.Errorf("named tiny: %v, want %s", named, first.Digest)
	}
	if both, none := listed("?name=small"), listed("?name=none"); len(both) != 2 || len(none) != 0 {
		t.Errorf("named small: %v, none: %v, want two and none", both, none)
	}

	var patched DatasetDetails
	patch := `{"add_names":["v1"],"remove_names":["small"],"tags":{"owner":null,"stage":"raw"}}`
	a.patchDataset(t, first.Digest[:12], patch).json(t, 200, &patched)
	if !slices.Equal(patched.Names, []string{"tiny", "v1"}) || patched.Tags["stage"] != "raw" || len(patched.Tags) != 2 ||
		len(patched.Views) != 1 {
		t.Errorf("got %+v, want the names tiny and v1, and stage for owner", patched.Dataset)
	}
	if named := listed("?name=small"); !slices.Equal(named, []string{other.Digest}) {
		t.Errorf("named small: %v, want only the other dataset", named)
	}
}

func TestDatasetAnnotations_badRequests(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	var up DatasetUploaded
	a.do(t, "POST", "/datasets", smallCSV, csvType).json(t, http.StatusCreated, &up)
	many := make([]string, 15)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprintf("n%d", i))
	}
	a.patchDataset(t, up.Digest, `{"add_names":[`+strings.Join(many, ",")+`]}`).json(t, 200, new(DatasetDetails))
	long := strings.Repeat("x", 501)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		at                       problem.Fault
	}{
		{"a bad name", "POST", "?name=a/b", smallCSV, 422, problem.Fault{Parameter: "name"}},
		{"an empty name", "POST", "?name=", smallCSV, 422, problem.Fault{Parameter: "name"}},
		{"two names", "POST", "?name=a&name=b", smallCSV, 422, problem.Fault{Parameter: "name"}},
		{"a name like a digest", "POST", "?name=0123456789abcdef", smallCSV, 422, problem.Fault{Parameter: "name"}},
		{"a tag without a value", "POST", "?tag=owner", smallCSV, 422, problem.Fault{Parameter: "tag"}},
		{"a tag twice", "POST", "?tag=a:1&tag=a:2", smallCSV, 422, problem.Fault{Parameter: "tag"}},
		{"a bad name to add", "PATCH", "", `{"add_names":["ok",".."]}`, 422, problem.Fault{Pointer: "/add_names/1"}},
		{"a bad tag", "PATCH", "", `{"tags":{"a/b":"x"}}`, 422, problem.Fault{Pointer: "/tags/a~1b"}},
		{"a long tag", "PATCH", "", `{"tags":{"a":"` + long + `"}}`, 422, problem.Fault{Pointer: "/tags/a"}},
		{"a number", "PATCH", "", `{"tags":{"a":1}}`, 422, problem.Fault{Pointer: "/tags/a"}},
		{"an unknown field", "PATCH", "", `{"name":"a"}`, 422, problem.Fault{Pointer: "/name"}},
		{"no tags", "PATCH", "", `{"tags":null}`, 422, problem.Fault{Pointer: "/tags"}},
		{"no names", "PATCH", "", `{"add_names":null}`, 422, problem.Fault{Pointer: "/add_names"}},
		{"a tag with NUL", "PATCH", "", `{"tags":{"a":"x\u0000"}}`, 422, problem.Fault{Pointer: "/tags/a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, contentType := "/datasets"+test.path, csvType
			if test.method == "PATCH" {
				path, contentType = "/datasets/"+up.Digest, jsonType
			}
			a.do(t, test.method, path, test.body, contentType).problem(t, test.status).faultAt(t, test.at)
		})
	}
	a.patchDataset(t, up.Digest, `{"add_names":["a","b","c","d","e","f"]}`).problem(t, 422, "up to 20 names")
	a.patchDataset(t, strings.Repeat("ef", 6), `{}`).problem(t, 404, "no dataset")
	var now DatasetDetails
	a.do(t, "GET", "/datasets/"+up.Digest, nil).json(t, 200, &now)
	if len(now.Names) != 15 || len(now.Tags) != 0 {
		t.Errorf("got %+v, want no change", now.Dataset)
	}
}

func TestTraining_onADatasetByItsName(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	var one, two DatasetUploaded
	a.do(t, "POST", "/datasets?name=one&tag=a:b", smallCSV, csvType).json(t, http.StatusCreated, &one)
	a.do(t, "POST", "/datasets?name=both", smallCSV+"5,b\n", csvType).json(t, http.StatusCreated, &two)
	a.patchDataset(t, one.Digest, `{"add_names":["both"]}`).json(t, 200, new(DatasetDetails))
	for path, body := range map[string]string{
		"/named/training?data_path=one":                  "",
		"/named/training?data_path=" + one.Digest[:12]:   "",
		"/named/training?data_path=" + one.URI:           "",
		"/named/training":                                `{"dataset":"one"}`,
		"/named/training?seed=1&data_path=" + one.Digest: `{"cv_folds":3}`,
	} {
		header := jsonType
		if body == "" {
			header = "X-None: x"
		}
		in := a.inputOf(t, a.accepted(t, a.do(t, "POST", path, body, header)))
		if in.DatasetURI != one.URI {
			t.Errorf("%s %s trains on %q, want %s", path, body, in.DatasetURI, one.URI)
		}
	}
	for word, want := range map[string]string{
		"none": "neither", "abc": "neither", strings.Repeat("ef", 6): "neither",
		"both": "2 datasets", "/etc/passwd": "not an object in S3",
	} {
		a.do(t, "POST", "/named/training?data_path="+word, nil).
			problem(t, 422, want).
			faultAt(t, problem.Fault{Parameter: "data_path"})
	}
	a.do(t, "POST", "/named/training", `{"dataset":"none"}`, jsonType).
		problem(t, 422).
		faultAt(t, problem.Fault{Pointer: "/dataset"})
}

func TestPrintableName(t *testing.T) {
	for given, want := range map[string]string{
		"wine.csv": "wine.csv", "a\x00b\n.csv": "ab.csv", "\xff.csv": ".csv", "": "",
		strings.Repeat("ü", 300): strings.Repeat("ü", 200),
	} {
		if got := printableName(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
