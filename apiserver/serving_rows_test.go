package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/dataset"
)

// irisRows is an array of n rows that are not all of the same class.
func irisRows(n int) string {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(
			&rows,
			`,{"sepal_length":%.1f,"sepal_width":3.1,"petal_length":%.1f,"petal_width":%.1f,`+
				`"note":"skipped, as every other field"}`,
			4.5+float64(i%30)/10,
			1+float64(i%50)/10,
			0.1+float64(i%24)/10,
		)
	}
	return "[" + rows.String()[1:] + "]"
}

func TestPredict_arrayIsAnsweredRowByRow(t *testing.T) {
	a := newAPI(t)
	for _, n := range []int{1, 2, 700} { // the last takes several writes
		var rows []json.RawMessage
		if err := json.Unmarshal([]byte(irisRows(n)), &rows); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/iris/predict", "/predict", "/iris/versions/2/predict"} {
			got := a.do(t, "POST", path, irisRows(n))
			var answers []serving.Prediction
			got.json(t, 200, &answers)
			if len(answers) != n {
				t.Fatalf("%s: %d answers for %d rows", path, len(answers), n)
			}
			version := got.header.Get("Model-Version")
			labels := map[string]bool{}
			for i, answer := range answers {
				labels[answer.Label] = true
				if "iris/"+answer.ModelVersion != version {
					t.Fatalf("%s: row %d is answered by %s, the header says %s", path, i, answer.ModelVersion, version)
				}
				if i%50 != 0 {
					continue
				}
				var alone serving.Prediction
				a.do(t, "POST", path, string(rows[i])).json(t, 200, &alone)
				if !reflect.DeepEqual(answer, alone) {
					t.Errorf("%s: row %d is answered with %+v, alone with %+v", path, i, answer, alone)
				}
			}
			if n > 100 && len(labels) != 3 {
				t.Errorf("labels %v: want rows of all classes", labels)
			}
		}
	}
	if a.log.String() != "" {
		t.Errorf("predictions were logged: %s", a.log)
	}
}

func TestPredict_badArrays(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.MaxBody = 2 << 20 })
	without := strings.Replace(setosa, "petal_width", "other", 1)
	for _, test := range []struct {
		name, body string
		status     int
		fault      problem.Fault
		want       string
	}{
		{
			name: "a bad row", body: "[" + setosa + "," + setosa + "," + setosa + "," + without + "]", status: 422,
			fault: problem.Fault{Pointer: "/3/petal_width"}, want: "missing",
		},
		{
			name: "a bad value", body: " [" + setosa + "," + strings.Replace(setosa, "0.2", "null", 1) + "]", status: 422,
			fault: problem.Fault{Pointer: "/1/petal_width"},
		},
		{name: "a row that is not an object", body: `[` + setosa + `,7]`, status: 422, fault: problem.Fault{Pointer: "/1"}},
		{name: "an array in the array", body: `[[` + setosa + `]]`, status: 422, fault: problem.Fault{Pointer: "/0"}},
		{name: "no rows", body: `[]`, status: 422, fault: problem.Fault{}, want: "no rows"},
		{name: "broken after a good row", body: `[` + setosa + `,`, status: 400},
		{name: "broken after a bad row", body: `[1,`, status: 400},
		{
			name: "one row too many", body: irisRows(serving.MaxRows + 1), status: 413,
			want: "more than 10000 rows for one request: send them to /iris/predict/batch",
		},
		{name: "too large", body: "[" + strings.Repeat(" ", 2<<20) + setosa + "]", status: 413, want: "2097152"},
		{name: "a single row too large", body: strings.Repeat(" ", httpio.MaxSmall) + setosa, status: 413, want: "1048576"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := a.do(t, "POST", "/iris/predict", test.body).problem(t, test.status, test.want)
			if test.status == 422 {
				p.faultAt(t, test.fault)
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
	if len(a.bulk) != 0 {
		t.Errorf("%d places for large bodies were not given back", len(a.bulk))
	}
}

func TestPredict_asManyRowsAsThereMayBe(t *testing.T) {
	a := newAPI(t)
	var answers []serving.Prediction
	body := irisRows(serving.MaxRows)
	if len(body) <= httpio.MaxSmall {
		t.Fatalf("%d bytes: want more than a single row may have", len(body))
	}
	a.do(t, "POST", "/iris/predict", body).json(t, 200, &answers)
	if len(answers) != serving.MaxRows {
		t.Errorf("%d answers, want %d", len(answers), serving.MaxRows)
	}
}

func TestPredict_largeArraysWaitTheirTurn(t *testing.T) {
	a := newAPI(t)
	for range cap(a.bulk) {
		a.bulk <- struct{}{}
	}
	got := a.do(t, "POST", "/iris/predict", irisRows(serving.MaxRows))
	got.problem(t, http.StatusServiceUnavailable, "large bodies")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var answers []serving.Prediction
	a.do(t, "POST", "/iris/predict", irisRows(10)).json(t, 200, &answers)
}

func TestPredict_arrayWhoseClientHungUp(t *testing.T) {
	a := newAPI(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		request *http.Request
		writer  http.ResponseWriter
	}{
		"before the answer": {
			httptest.NewRequest("POST", "/iris/predict", strings.NewReader(irisRows(5))).WithContext(canceled),
			httptest.NewRecorder(),
		},
		"during the answer": {
			httptest.NewRequest("POST", "/iris/predict", strings.NewReader(irisRows(500))), brokenWriter{httptest.NewRecorder()},
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("the connection was not given up: %v", err)
				}
			}()
			a.Handler().ServeHTTP(test.writer, test.request)
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client that hung up was logged: %s", a.log)
	}
}

// brokenWriter is a connection that the client has closed.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, net.ErrClosed }

func TestPredictVersion(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct{ version, want string }{
		{"1", "1"}, {"2", "2"}, {"champion", "1"}, {"@champion", "1"}, {"%40champion", "1"},
	} {
		t.Run(test.version, func(t *testing.T) {
			got := a.do(t, "POST", "/iris/versions/"+test.version+"/predict", setosa)
			var p serving.Prediction
			got.json(t, 200, &p)
			if p.ModelVersion != test.want || p.ModelID != "models:/iris/"+test.want ||
				got.header.Get("Model-Version") != "iris/"+test.want {
				t.Errorf("got %+v, want version %s", p, test.want)
			}
			checkProbabilities(t, p, dataset.Iris().Classes)
			var v Version
			a.do(t, "GET", "/iris/versions/"+test.version, nil).json(t, 200, &v)
			if v.Version != test.want {
				t.Errorf("GET: version %s, want %s", v.Version, test.want)
			}
		})
	}
	t.Run("of a model without a champion", func(t *testing.T) {
		row := exampleOf(a.cache.Champion(wineModel).Model.Schema().Features)
		var p serving.Prediction
		a.do(t, "POST", "/unpromoted/versions/1/predict", row).json(t, 200, &p)
		if p.ModelID != "models:/unpromoted/1" {
			t.Errorf("got %+v", p)
		}
	})
}

func TestPredictVersion_thereIsNone(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{
		"/iris/versions/99", "/iris/versions/nobody", "/iris/versions/@nobody", "/iris/versions/a%20b", "/iris/versions/0",
		"/iris/versions/models:%2Fwine%2F1",
		"/tulip/versions/1", "/Iris/versions/1",
	} {
		t.Run(path, func(t *testing.T) {
			a.do(t, "POST", path+"/predict", setosa).problem(t, 404)
			a.do(t, "GET", path, nil).problem(t, 404)
		})
	}
}

func TestPredict_arrayIsValidJSONAsAWhole(t *testing.T) {
	a := newAPI(t)
	got := a.do(t, "POST", "/iris/predict", irisRows(400))
	if !json.Valid(got.body) || !bytes.HasSuffix(got.body, []byte("}\n]\n")) {
		t.Errorf("no JSON: …%s", got.body[max(0, len(got.body)-100):])
	}
}
