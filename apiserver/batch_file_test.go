package apiserver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"
	enumspb "go.temporal.io/api/enums/v1"

	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/objstore"
	"iris/internal/testenv"
	"iris/workflows"
)

const (
	irisCSV = "id,sepal_length,sepal_width,petal_length,petal_width\n\"a,1\",5.1,3.5,1.4,0.2\n2,6.3,3.3,6.0,2.5\n"
	irisJSL = "{\"id\":\"a,1\",\"sepal_length\":5.1,\"sepal_width\":3.5,\"petal_length\":1.4,\"petal_width\":0.2}\n" +
		"{\"id\":2,\"sepal_length\":6.3,\"sepal_width\":3.3,\"petal_length\":6.0,\"petal_width\":2.5}\n"
)

func irisParquet(t testing.TB) string {
	t.Helper()
	type row struct {
		ID          string  `parquet:"id"`
		SepalLength float64 `parquet:"sepal_length"`
		SepalWidth  float64 `parquet:"sepal_width"`
		PetalLength float64 `parquet:"petal_length"`
		PetalWidth  float64 `parquet:"petal_width"`
	}
	var out bytes.Buffer
	if err := parquet.Write(&out, []row{{"a,1", 5.1, 3.5, 1.4, 0.2}, {"2", 6.3, 3.3, 6.0, 2.5}}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func gzipped(t testing.TB, s string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, s); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.String()
}

// formPart is a part of a form with a file name and a type.
type formPart struct{ name, file, media, content string }

func formWith(parts ...formPart) (body, header string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range parts {
		header := textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", p.name, p.file)},
		}
		if p.media != "" {
			header.Set("Content-Type", p.media)
		}
		_, _ = io.WriteString(must(w.CreatePart(header)), p.content)
	}
	_ = w.Close()
	return out.String(), "Content-Type: " + w.FormDataContentType()
}

// batchInput returns the input that a batch was started with.
func (a *api) batchInput(t testing.TB, id string) (in workflows.BatchInput, priority int32) {
	t.Helper()
	events := a.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	started := must(events.Next()).GetWorkflowExecutionStartedEventAttributes()
	if err := json.Unmarshal(started.GetInput().GetPayloads()[0].GetData(), &in); err != nil {
		t.Fatal(err)
	}
	return in, started.GetPriority().GetPriorityKey()
}

func TestBatchFile(t *testing.T) {
	a := newAPI(t)
	table := irisParquet(t)
	form := func(parts ...formPart) [2]string {
		body, header := formWith(parts...)
		return [2]string{body, header}
	}
	for _, test := range []struct {
		name, query  string
		send         [2]string
		encoding     string
		format, want string // of the stored object
	}{
		{name: "CSV", send: [2]string{irisCSV, "Content-Type: text/csv"}, format: "csv", want: irisCSV},
		{
			name: "CSV in UTF-8", send: [2]string{irisCSV, "Content-Type: text/csv; charset=UTF-8"}, format: "csv",
			want: irisCSV,
		},
		{
			name: "JSON Lines", send: [2]string{irisJSL, "Content-Type: application/jsonl"}, format: "jsonl",
			want: irisJSL,
		},
		{
			name: "NDJSON", send: [2]string{irisJSL, "Content-Type: application/x-ndjson"}, format: "jsonl",
			want: irisJSL,
		},
		{
			name: "Parquet", send: [2]string{table, "Content-Type: application/vnd.apache.parquet"}, format: "parquet",
			want: table,
		},
		{
			name: "gzip", send: [2]string{gzipped(t, irisCSV), "Content-Type: text/csv"}, encoding: "gzip",
			format: "csv", want: irisCSV,
		},
		{name: "a form", send: form(formPart{"file", "", "", irisCSV}), format: "csv", want: irisCSV},
		{
			name: "a form with a type", send: form(formPart{"file", "x.csv", "application/jsonl", irisJSL}),
			format: "jsonl", want: irisJSL,
		},
		{
			name: "a form with a name",
			send: form(formPart{"file", "rows.NDJSON", "application/octet-stream", irisJSL}), format: "jsonl",
			want: irisJSL,
		},
		{
			name: "a form with Parquet", send: form(formPart{"file", "rows.parquet", "", table}), format: "parquet",
			want: table,
		},
		{
			name: "a packed file",
			send: form(formPart{"file", "rows.jsonl.gz", "application/gzip", gzipped(t, irisJSL)}), format: "jsonl",
			want: irisJSL,
		},
		{
			name: "a packed file of a type alone",
			send: form(formPart{"file", "", "application/x-gzip", gzipped(t, irisCSV)}), format: "csv", want: irisCSV,
		},
		{
			name: "a browser's type", send: form(formPart{"file", "rows.csv", "application/vnd.ms-excel", irisCSV}),
			format: "csv", want: irisCSV,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{test.send[1]}
			if test.encoding != "" {
				headers = append(headers, "Content-Encoding: "+test.encoding)
			}
			got := a.do(t, "POST", "/iris/predict/batch", test.send[0], headers...)
			var accepted Accepted
			got.json(t, 202, &accepted)
			id := accepted.TaskID
			if got.header.Get("Location") != batchLocation("iris", id) {
				t.Errorf("Location %q", got.header.Get("Location"))
			}
			in, priority := a.batchInput(t, id)
			if priority != 4 || in.Format != test.format || in.Count != 2 || in.ModelID != "models:/iris/1" ||
				in.Rows.Key != objstore.BatchInputKey(id, test.format) {
				t.Errorf("priority %d, input %+v", priority, in)
			}
			if got := string(a.contentOf(t, in.Rows)); got != test.want {
				t.Errorf("%d bytes are in the store, want %d", len(got), len(test.want))
			}
		})
	}
}

func TestBatch_options(t *testing.T) {
	a := newAPI(t)
	ratio := 0.25
	want := workflows.BatchInput{
		Model:         "iris",
		ModelID:       "models:/iris/2",
		KeyColumns:    []string{"id", "sepal_width"},
		Output:        "parquet",
		LabelsOnly:    true,
		CSVSafe:       true,
		MaxErrorRatio: &ratio,
		Format:        "csv",
		Count:         2,
	}
	const query = "?model_id=2&key_columns=id&key_columns=sepal_width&output=parquet&labels_only=true&csv_safe=true" +
		"&max_error_ratio=0.25"
	const options = `"model_id":"models:/iris/2","key_columns":["id","sepal_width"],"output":"Parquet",` +
		`"labels_only":true,"csv_safe":true,"max_error_ratio":0.25`
	rows := `"data":[{"id":"a,1",` + setosa[1:] +
		`,{"id":17.50,"sepal_length":6.3,"sepal_width":3.3,"petal_length":6.0,"petal_width":2.5}]`
	asForm, formType := formWith(formPart{"request", "", "", "{" + options + "}"}, formPart{"file", "", "", irisCSV})
	for name, send := range map[string][3]string{
		"in the query":               {query, irisCSV, "Content-Type: text/csv"},
		"in a form":                  {"", asForm, formType},
		"in JSON":                    {"", "{" + options + "," + rows + "}", "Content-Type: application/json"},
		"in the query, rows in JSON": {query, "{" + rows + "}", "Content-Type: application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			var accepted Accepted
			a.do(t, "POST", "/iris/predict/batch"+send[0], send[1], send[2]).json(t, 202, &accepted)
			in, priority := a.batchInput(t, accepted.TaskID)
			if interactive := strings.Contains(send[2], "json"); interactive != (priority == 2) {
				t.Errorf("priority %d", priority)
			}
			got := in
			got.Rows = objstore.Ref{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("started with %+v, want %+v", got, want)
			}
			if strings.Contains(send[2], "json") {
				const lines = "sepal_length,sepal_width,petal_length,petal_width,id\n5.1,3.5,1.4,0.2,\"a,1\"\n6.3,3.3,6,2.5,17.50\n"
				if got := string(a.contentOf(t, in.Rows)); got != lines {
					t.Errorf("the rows are %q, want %q", got, lines)
				}
			}
		})
	}
}

func TestBatch_keysOfJSON(t *testing.T) {
	a := newAPI(t)
	body := func(key string) string {
		return `{"key_columns":["a/b ~"],"data":[{` + key + strings.TrimPrefix(setosa, "{") + `]}`
	}
	for key, want := range map[string]string{
		`"a/b ~":"two\nlines \"x\"",`: "\"two\nlines \"\"x\"\"\"",
		`"a/b ~":1e3,`:                "1e3",
		`"a/b ~":true,`:               "true",
		`"a/b ~":null,`:               "",
		`"a/b ~":"",`:                 "",
		`"a/b ~":" 7",`:               `" 7"`,
		`"a/b ~":"ü",`:                "ü",
	} {
		var accepted Accepted
		a.do(t, "POST", "/iris/predict/batch", body(key)).json(t, 202, &accepted)
		in, _ := a.batchInput(t, accepted.TaskID)
		got := string(a.contentOf(t, in.Rows))
		want := "sepal_length,sepal_width,petal_length,petal_width,\"a/b ~\"\n5.1,3.5,1.4,0.2," + want + "\n"
		if got != want {
			t.Errorf("%s: the rows are %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{``, `"a/b ~":{},`, `"a/b ~":[1],`} {
		a.do(t, "POST", "/iris/predict/batch", body(key)).
			problem(t, 422).
			faultAt(t, problem.Fault{Pointer: "/data/0/a~1b ~0"})
	}
}

func TestBatch_ofObjects(t *testing.T) {
	lake := testenv.Bucket(t)
	a := newAPI(t, freshBucket(t), func(o *Options) { o.DataBuckets, o.MaxBatchData = []string{lake}, 100 })
	for key, content := range map[string]string{
		"rows.csv": irisCSV[:60], "in/a.jsonl": "12345", "in/b.jsonl": "67890", "in/_SUCCESS": "", "in/_marks": "x",
		"in/.hidden": "x", "large": strings.Repeat("x", 101),
		"many/0": strings.Repeat("x", 51), "many/1": strings.Repeat("x", 51), "marks/_SUCCESS": "x",
	} {
		must(a.store.Put(t.Context(), lake, key, strings.NewReader(content), -1, ""))
	}
	for _, test := range []struct {
		body string
		want workflows.BatchInput
	}{
		{
			`{"data_path":"s3://` + lake + `/rows.csv"}`,
			workflows.BatchInput{Rows: objstore.Ref{Key: "rows.csv", Size: 60}},
		},
		{`{"data_path":"s3://` + lake + `/in/","format":"jsonl","key_columns":["id"]}`, workflows.BatchInput{
			Rows: objstore.Ref{Key: "in/", Size: 10}, Format: "jsonl", KeyColumns: []string{"id"},
		}},
	} {
		asForm, formType := formWith(formPart{"request", "", "", test.body})
		for _, send := range [][2]string{{test.body, "Content-Type: application/json"}, {asForm, formType}} {
			var accepted Accepted
			a.do(t, "POST", "/iris/predict/batch", send[0], send[1]).json(t, 202, &accepted)
			in, priority := a.batchInput(t, accepted.TaskID)
			in.Rows.ETag = ""
			test.want.Model, test.want.ModelID, test.want.Output, test.want.Rows.Bucket = "iris", "models:/iris/1", "csv", lake
			if !reflect.DeepEqual(in, test.want) || priority != 4 {
				t.Errorf("%s: started with %+v at priority %d, want %+v", test.body, in, priority, test.want)
			}
		}
	}
	started := a.started.Load()
	for body, want := range map[string]string{
		`{"data_path":"s3://` + lake + `/none.csv"}`:                         "there is no object",
		`{"data_path":"s3://` + lake + `/none/"}`:                            "there is no object",
		`{"data_path":"s3://` + lake + `/marks/"}`:                           "there is no object",
		`{"data_path":"s3://mlflow/x.csv"}`:                                  `bucket "mlflow" is not open for data`,
		`{"data_path":"/etc/passwd"}`:                                        "is not an object in S3",
		`{"data_path":"s3://` + lake + `/../"}`:                              "names no objects",
		`{"data_path":"s3://` + lake + `/\u0000"}`:                           "control character",
		`{"data_path":7}`:                                                    "wrong type",
		`{"data_path":"s3://` + lake + `/rows.csv","data":[` + setosa + `]}`: "data as well",
	} {
		a.do(t, "POST", "/iris/predict/batch", body).problem(t, 422, want).faultAt(t, problem.Fault{Pointer: "/data_path"})
	}
	a.do(t, "POST", "/iris/predict/batch", `{"data_path":"s3://`+lake+`/rows.csv","format":"xml"}`).
		problem(t, 422, "xml").
		faultAt(t, problem.Fault{Pointer: "/format"})
	a.do(t, "POST", "/iris/predict/batch", `{"format":"csv","data":[`+setosa+`]}`).
		problem(t, 422, "data_path").
		faultAt(t, problem.Fault{Pointer: "/format"})
	for _, path := range []string{"large", "many/"} {
		a.do(t, "POST", "/iris/predict/batch", `{"data_path":"s3://`+lake+`/`+path+`"}`).
			problem(t, 413, "the limit is 100").
			faultAt(t, problem.Fault{Pointer: "/data_path"})
	}
	if a.started.Load() != started {
		t.Error("a workflow was started")
	}
}

func TestBatch_ofTooManyObjects(t *testing.T) {
	if testing.Short() {
		t.Skip("stores 1,001 objects")
	}
	a := newAPI(t)
	prefix := testenv.Name() + "/"
	for i := range catalogue.MaxObjects + 1 {
		must(a.store.Put(t.Context(), a.Bucket, fmt.Sprintf("%s%04d", prefix, i), strings.NewReader("x"), 1, ""))
	}
	a.do(t, "POST", "/iris/predict/batch", `{"data_path":"s3://`+a.Bucket+`/`+prefix+`"}`).
		problem(t, 422, "more than 1000 objects")
}

func TestBatchFile_badInput(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.MaxBatchUpload = 2 << 20 })
	form := func(parts ...formPart) [2]string {
		body, header := formWith(parts...)
		return [2]string{body, header}
	}
	request := func(json string) [2]string {
		return form(formPart{"request", "", "", json}, formPart{"file", "", "", irisCSV})
	}
	csv := func(s string) [2]string { return [2]string{s, "Content-Type: text/csv"} }
	column := func(name string) *problem.Fault { return &problem.Fault{Line: 1, Column: name} }
	at := func(pointer string) *problem.Fault { return &problem.Fault{Pointer: pointer} }
	parameter := func(name string) *problem.Fault { return &problem.Fault{Parameter: name} }
	packed := gzipped(t, irisCSV)
	file := formPart{"file", "", "", irisCSV}
	for _, test := range []struct {
		name, query string
		send        [2]string
		encoding    string
		status      int
		want        string
		fault       *problem.Fault
	}{
		{
			name: "a missing feature", send: csv("id,sepal_length,petal_length,petal_width\n1,2,3,4\n"), status: 422,
			want: "sepal_width", fault: column("sepal_width"),
		},
		{
			name: "a feature twice",
			send: csv("sepal_length,sepal_length,sepal_width,petal_length,petal_width\n1,1,2,3,4\n"), status: 422,
			fault: column("sepal_length"),
		},
		{
			name: "a missing key", query: "?key_columns=customer", send: csv(irisCSV), status: 422,
			fault: column("customer"),
		},
		{
			name: "no rows", send: csv("sepal_length,sepal_width,petal_length,petal_width\n\n"), status: 422,
			want: "has no rows",
		},
		{name: "nothing", send: csv(""), status: 422, want: "has no rows"},
		{name: "an endless header", send: csv(strings.Repeat("x,", 600_000)), status: 422},
		{
			name: "empty JSON Lines", send: [2]string{"\n\n", "Content-Type: application/jsonl"}, status: 422,
			want: "has no rows",
		},
		{
			name: "CSV sent as Parquet", send: [2]string{irisCSV, "Content-Type: application/vnd.apache.parquet"},
			status: 422, want: "Parquet",
		},
		{
			name: "truncated Parquet",
			send: [2]string{irisParquet(t)[:100], "Content-Type: application/vnd.apache.parquet"}, status: 422,
			want: "Parquet",
		},
		{
			name: "Parquet without a key", query: "?key_columns=customer",
			send: [2]string{irisParquet(t), "Content-Type: application/vnd.apache.parquet"}, status: 422,
			want: "customer",
		},
		{name: "too large", send: csv(irisCSV + strings.Repeat("1,2,3,4,5\n", 220_000)), status: 413, want: "2097152"},
		{
			name: "too large, packed", send: csv(gzipped(t, irisCSV+strings.Repeat("1,2,3,4,5\n", 220_000))),
			encoding: "gzip", status: 413, want: "2097152",
		},
		{
			name:   "a packed file too large",
			send:   form(formPart{"file", "x.csv.gz", "", gzipped(t, irisCSV+strings.Repeat("1,2,3,4,5\n", 220_000))}),
			status: 413, want: "2097152",
		},
		{
			name: "truncated gzip", send: csv(packed[:len(packed)-12]), encoding: "gzip", status: 400,
			want: "ended early",
		},
		{
			name: "a truncated packed file", send: form(formPart{"file", "x.csv.gz", "", packed[:len(packed)-12]}),
			status: 400, want: "ended early",
		},
		{
			name: "damaged gzip", send: csv(packed[:len(packed)-8] + "12345678"), encoding: "gzip", status: 400,
			want: "damaged",
		},
		{name: "not gzip", send: csv(irisCSV), encoding: "gzip", status: 400, want: "not gzip"},
		{
			name: "a file that is not gzip", send: form(formPart{"file", "x.csv.gz", "", irisCSV}), status: 400,
			want: "not gzip",
		},
		{
			name: "an unknown type", send: [2]string{irisCSV, "Content-Type: application/xml"}, status: 415,
			want: "application/xml",
		},
		{
			name: "a file of an unknown type", send: form(formPart{"file", "x.png", "image/png", irisCSV}), status: 415,
			want: "image/png",
		},
		{
			name: "a body that is not a form",
			send: [2]string{irisCSV, "Content-Type: multipart/form-data; boundary=x"}, status: 400, want: "malformed",
		},
		{name: "no file", send: form(formPart{"request", "", "", "{}"}), status: 422, fault: parameter("file")},
		{
			name: "the request after the file", send: form(file, formPart{"request", "", "", "{}"}), status: 422,
			want: "last part", fault: parameter("request"),
		},
		{
			name:   "a part after Parquet",
			send:   form(formPart{"file", "x.parquet", "", irisParquet(t)}, formPart{"request", "", "", "{}"}),
			status: 422, fault: parameter("request"),
		},
		{
			name: "the request twice",
			send: form(formPart{"request", "", "", "{}"}, formPart{"request", "", "", "{}"}, file), status: 422,
			fault: parameter("request"),
		},
		{
			name: "an unknown part", send: form(formPart{"rows", "", "", "{}"}, file), status: 422,
			fault: parameter("rows"),
		},
		{
			name: "a part too large", send: request(`{"output":"` + strings.Repeat("x", 70_000) + `"}`), status: 413,
			want: "65536",
		},
		{name: "rows beside the file", send: request(`{"data":[]}`), status: 422, fault: at("/data")},
		{
			name: "objects beside the file", send: request(`{"data_path":"s3://a/b"}`), status: 422,
			fault: at("/data_path"),
		},
		{name: "a misspelt field", send: request(`{"keys":[]}`), status: 422, fault: at("/keys")},
		{
			name: "a field twice", send: request(`{"output":"csv","output":"csv"}`), status: 422, want: "twice",
			fault: at("/output"),
		},
		{
			name: "a field in the query too", query: "?output=csv", send: request(`{"output":"csv"}`), status: 422,
			want: "query", fault: at("/output"),
		},
		{name: "a part that is not JSON", send: request(`{`), status: 400},
		{
			name: "a number for key columns", send: request(`{"key_columns":"id"}`), status: 422,
			fault: at("/key_columns"),
		},
		{
			name: "an unknown output", send: request(`{"output":"xml"}`), status: 422, want: "csv, jsonl or parquet",
			fault: at("/output"),
		},
		{name: "a ratio over 1", send: request(`{"max_error_ratio":1.5}`), status: 422, fault: at("/max_error_ratio")},
		{
			name: "a key named label", send: request(`{"key_columns":["label"]}`), status: 422, want: `named "label"`,
			fault: at("/key_columns"),
		},
		{
			name: "a key without a name", send: request(`{"key_columns":["x",""]}`), status: 422,
			fault: at("/key_columns"),
		},
		{
			name: "a key with a line feed", send: request(`{"key_columns":["a\nb"]}`), status: 422,
			fault: at("/key_columns"),
		},
		{
			name: "a key twice", query: "?key_columns=id&key_columns=id", send: csv(irisCSV), status: 422,
			fault: parameter("key_columns"),
		},
		{
			name: "too many keys", query: "?key_columns=x" + strings.Repeat("&key_columns=x", 64), send: csv(irisCSV),
			status: 422, want: "64", fault: parameter("key_columns"),
		},
		{
			name: "an unknown parameter", query: "?data_path=s3://a/b", send: csv(irisCSV), status: 422,
			fault: parameter("data_path"),
		},
		{
			name: "a parameter twice", query: "?output=csv&output=csv", send: csv(irisCSV), status: 422,
			fault: parameter("output"),
		},
		{
			name: "an empty parameter", query: "?key_columns=", send: csv(irisCSV), status: 422,
			fault: parameter("key_columns"),
		},
		{
			name: "neither true nor false", query: "?labels_only=maybe", send: csv(irisCSV), status: 422,
			fault: parameter("labels_only"),
		},
		{
			name: "not a ratio", query: "?max_error_ratio=few", send: csv(irisCSV), status: 422,
			fault: parameter("max_error_ratio"),
		},
		{
			name: "a ratio that is not a number", query: "?max_error_ratio=NaN", send: csv(irisCSV), status: 422,
			fault: parameter("max_error_ratio"),
		},
		{name: "a malformed query", query: "?%zz", send: csv(irisCSV), status: 422, want: "malformed"},
		{
			name: "an unknown version", query: "?model_id=99", send: csv(irisCSV), status: 404,
			fault: parameter("model_id"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{test.send[1]}
			if test.encoding != "" {
				headers = append(headers, "Content-Encoding: "+test.encoding)
			}
			got := a.do(t, "POST", "/iris/predict/batch"+test.query, test.send[0], headers...)
			got.refused(t, test.status, test.want, test.fault)
		})
	}
	a.leavesNothing(t, 0)
}

// The memory of the process does not grow with the file.
func TestBatchFile_largeInBoundedMemory(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	const size = 200 << 20
	header := "sepal_length,sepal_width,petal_length,petal_width,id\n"
	line := "5.1,3.5,1.4,0.2,customer-17\n"
	var heap atomic.Uint64
	sampled := &sampling{r: io.LimitReader(&repeating{line: line}, size/int64(len(line))*int64(len(line))), heap: &heap}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r := must(
		http.NewRequest(
			"POST",
			a.url+"/iris/predict/batch?key_columns=id",
			io.MultiReader(strings.NewReader(header), sampled),
		),
	)
	r.Header.Set("Content-Type", "text/csv")
	response := must(http.DefaultTransport.RoundTrip(r))
	body := must(io.ReadAll(response.Body))
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	var accepted Accepted
	if err := json.Unmarshal(body, &accepted); err != nil {
		t.Fatal(err)
	}
	in, _ := a.batchInput(t, accepted.TaskID)
	count := int64(size / len(line))
	if want := int64(len(header)) + count*int64(len(line)); in.Rows.Size != want || in.Count != count {
		t.Errorf("%d bytes and %d rows arrived, want %d and %d", in.Rows.Size, in.Count, want, count)
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	const limit = 100 << 20
	if grown := int64(heap.Load()) - int64(before.HeapAlloc); grown > limit {
		t.Errorf("the heap grew by %d MiB for a file of %d MiB, want at most %d", grown>>20, size>>20, limit>>20)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size {
		t.Errorf("%d MiB were allocated for a file of %d MiB", allocated>>20, size>>20)
	}
}

// sampling measures the heap while it is read.
type sampling struct {
	r     io.Reader
	heap  *atomic.Uint64
	bytes int
}

func (s *sampling) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	const often = 8 << 20
	if s.bytes += n; s.bytes >= often {
		s.bytes = 0
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		s.heap.Store(max(s.heap.Load(), now.HeapAlloc))
	}
	return n, err
}

// A client that hangs up leaves nothing behind, whatever the format and however much has arrived.
func TestBatchFile_clientHangsUp(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	for media, start := range map[string]string{
		"text/csv": irisCSV, "application/jsonl": irisJSL, "application/vnd.apache.parquet": "PAR1",
	} {
		a.hangUp(t, "/iris/predict/batch", media, start+"\n", "1,2,3,4,5\n")
	}
	a.leavesNothing(t, 0)
}

// The stored rows are removed if Temporal does not start the batch.
func TestBatchFile_temporalIsDown(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.Temporal = refusing{o.Temporal} })
	for _, send := range [][2]string{
		{irisCSV, "text/csv"}, {irisParquet(t), "application/vnd.apache.parquet"}, {twoRows, "application/json"},
	} {
		a.do(t, "POST", "/iris/predict/batch", send[0], "Content-Type: "+send[1]).problem(t, 500)
	}
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}
