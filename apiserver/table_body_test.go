package apiserver

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/problem"
	"iris/internal/dataset/datasettest"
	"iris/internal/objstore"
	"iris/internal/tablefile"
)

// fileForm returns a form with a file of this name, and its Content-Type header.
func fileForm(name, media string, file []byte) (string, string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}}
	if media != "" {
		header.Set("Content-Type", media)
	}
	_, _ = must(w.CreatePart(header)).Write(file)
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

// The same table is the same dataset, in whatever form it is uploaded and by whatever route.
func TestUpload_formsOfATable(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	var plain DatasetUploaded
	a.do(t, "POST", "/datasets", datasettest.FormsCSV, csvType).json(t, http.StatusCreated, &plain)
	for _, form := range datasettest.Forms() {
		t.Run(form.Name, func(t *testing.T) {
			byName, nameType := fileForm(form.Name, "", form.File)
			byType, typeType := fileForm("table", form.MediaType, form.File)
			for _, send := range [][2]string{
				{string(form.File), "Content-Type: " + form.MediaType},
				{string(form.File), "Content-Type: application/octet-stream"},
				{byName, nameType},
				{byType, typeType},
			} {
				var up DatasetUploaded
				a.do(t, "POST", "/datasets", send[0], send[1]).json(t, http.StatusCreated, &up)
				if up.Digest != plain.Digest || up.Bytes != int64(len(datasettest.FormsCSV)) || up.Profile.Rows != 6 {
					t.Errorf("%s: got %+v, want the dataset %+v", send[1], up, plain)
				}
				if converted := string(form.File) != datasettest.FormsCSV; up.File.Converted != converted {
					t.Errorf("%s: file %+v, want converted %v", send[1], up.File, converted)
				}
			}
			id := a.accepted(t, a.do(t, "POST", "/newcomer/training", byName, nameType))
			if in := a.inputOf(t, id); in.DatasetURI != plain.URI {
				t.Errorf("the training reads %s, want %s", in.DatasetURI, plain.URI)
			}
		})
	}
	a.idle(t)
	if left := a.keys(t, a.Bucket, objstore.UploadsPrefix); len(left) != 0 {
		t.Errorf("uploads left behind: %v", left)
	}
}

func TestUpload_reading(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	const rows = "1;2;a\n2;1;a\n2;3;a\n3;5;b\n4;7;b\n5;7;b\n"
	for _, test := range []struct {
		name, query, body string
		features          []string
		label             string
		file              tablefile.Dialect
	}{
		{"no header", "?header=False", rows, []string{"0", "1"}, "2", tablefile.Dialect{
			Format: "csv", Encoding: "utf-8", Delimiter: ";", Decimal: ".", Converted: true,
		}},
		{"numbers as names", "?header=true&delimiter=%3B", "5;6;7\n" + rows, []string{"5", "6"}, "7", tablefile.Dialect{
			Format: "csv", Encoding: "utf-8", Delimiter: ";", Decimal: ".", Converted: true,
		}},
		{
			"an encoding", "?encoding=windows-1252&delimiter=semicolon", "gr\xf6\xdfe;y;art\n" + rows,
			[]string{"größe", "y"},
			"art",
			tablefile.Dialect{
				Format: "csv", Encoding: "windows-1252", Delimiter: ";", Decimal: ".", Converted: true,
			},
		},
		{
			"a decimal comma", "?decimal=comma", "x|y|art\n" + strings.ReplaceAll(rows, ";", "|"),
			[]string{"x", "y"},
			"art",
			tablefile.Dialect{
				Format: "csv", Encoding: "utf-8", Delimiter: "|", Decimal: ",", Converted: true,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var up DatasetUploaded
			a.do(t, "POST", "/datasets"+test.query, test.body, csvType).json(t, http.StatusCreated, &up)
			if !slices.Equal(up.Schema.Features, test.features) || up.Schema.Label != test.label || up.Profile.Rows != 6 ||
				up.File.Dialect != test.file {
				t.Errorf("got %+v, want features %v, class %s, file %+v", up, test.features, test.label, test.file)
			}
			id := a.accepted(t, a.do(t, "POST", "/reading/training"+test.query, test.body, csvType))
			in := a.inputOf(t, id)
			want := tablefile.Reading{}
			if strings.Contains(test.query, "header") {
				want.Header = tablefile.HeaderTrue
			}
			if in.DatasetURI != up.URI || in.Reading != want {
				t.Errorf("the training has %s and %+v, want %s and %+v", in.DatasetURI, in.Reading, up.URI, want)
			}
		})
	}
}

// An object is read by the worker, so its training has what the request says.
func TestTraining_readingOfAnObject(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	must(a.store.Put(t.Context(), a.Bucket, "given/table.csv", strings.NewReader("1;2\n"), -1, "text/csv"))
	uri := "s3://" + a.Bucket + "/given/table.csv"
	body := `{"dataset_uri":"` + uri + `","delimiter":";","decimal":",","encoding":"latin1","header":false}`
	want := tablefile.Reading{Delimiter: ";", Decimal: ",", Encoding: "latin1", Header: "false"}
	query := "?delimiter=%3B&decimal=,&encoding=latin1&header=false&data_path=" + uri
	for _, id := range []string{
		a.accepted(t, a.do(t, "POST", "/newcomer/training", body, "Content-Type: application/json")),
		a.accepted(t, a.do(t, "POST", "/newcomer/training"+query, nil)),
	} {
		if in := a.inputOf(t, id); in.Reading != want {
			t.Errorf("%+v, want %+v", in.Reading, want)
		}
	}
}

func TestUpload_badFiles(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	zip, zipType := fileForm("table.zip", "application/zip", []byte("x,label\n1,a\n"))
	at := func(parameter string) problem.Fault { return problem.Fault{Parameter: parameter} }
	nested := [2]string{"\n{\"x\":1}\n{\"x\":[1]}", "Content-Type: application/jsonlines"}
	for _, test := range []struct {
		name, query string
		send        [2]string
		status      int
		want        string
		at          problem.Fault
	}{
		{"a wrong delimiter", "?delimiter=x", [2]string{"x", csvType}, 422, "is not one of comma", at("delimiter")},
		{"a wrong decimal", "?decimal=x", [2]string{"x", csvType}, 422, "neither point nor comma", at("decimal")},
		{"a wrong encoding", "?encoding=x", [2]string{"x", csvType}, 422, "is not known", at("encoding")},
		{"a wrong header", "?header=x", [2]string{"x", csvType}, 422, "is not one of auto", at("header")},
		{"no zip", "", [2]string{zip, zipType}, 422, "not a zip file", problem.Fault{}},
		{"Latin-1", "", [2]string{"x,label\n1,M\xfc\n", csvType}, 422, "encoding=windows-1252", problem.Fault{Line: 2}},
		{"a bad row", "", [2]string{"x;y;label\n\n1;2;a\n\n1;b\n", csvType}, 422, "want 3 values", problem.Fault{Line: 5}},
		{"a nested object", "", nested, 422, "an array", problem.Fault{Line: 3, Column: "x"}},
		{"a picture", "", [2]string{"x", "Content-Type: image/png"}, 415, "application/vnd.apache.parquet", problem.Fault{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range []string{"/datasets", "/newcomer/training"} {
				p := a.do(t, "POST", path+test.query, test.send[0], test.send[1]).problem(t, test.status, test.want)
				if test.at != (problem.Fault{}) {
					p.faultAt(t, test.at)
				}
			}
		})
	}
	a.do(t, "POST", "/datasets?delimiter=;", "x", csvType).problem(t, 422, "the query is malformed")
	a.idle(t)
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}
