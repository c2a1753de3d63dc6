package apiserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/serving"
	"iris/deploy"
	"iris/internal/dataset"
)

const virginica = `{"petal_width":2.3,"sepal_length":6.7,"sepal_width":3,"petal_length":5.2}`

// predictions is the answer of the protocols of other servers.
type predictions struct {
	Predictions []map[string]any `json:"predictions"`
}

// labels checks the shape of the predictions of iris and returns their labels.
func (p predictions) labels(t *testing.T) []string {
	t.Helper()
	labels := []string{}
	for _, one := range p.Predictions {
		sum := 0.0
		for _, class := range dataset.Iris().Classes {
			v, ok := one["p_"+class].(float64)
			if !ok {
				t.Fatalf("%v has no probability of %s", one, class)
			}
			sum += v
		}
		if len(one) != 4 || math.Abs(sum-1) > 1e-9 {
			t.Errorf("%v: want a label and three probabilities that add up to 1", one)
		}
		labels = append(labels, one["label"].(string))
	}
	return labels
}

func TestInvocations_forms(t *testing.T) {
	a := newAPI(t)
	both := []string{"setosa", "virginica"}
	for _, test := range []struct {
		name, contentType, body string
		want                    []string
	}{
		{"records", "", `{"dataframe_records":[` + setosa + `,` + virginica + `]}`, both},
		{
			"split", "",
			`{"dataframe_split":{"columns":["petal_width","sepal_length","sepal_width","petal_length","x"],` +
				`"data":[[0.2,5.1,3.5,1.4,"y"],[2.3,6.7,3,5.2,null]],"index":[4,5]}}`,
			both,
		},
		{
			"no rows", "",
			`{"dataframe_split":{"columns":["petal_width","sepal_length","sepal_width","petal_length"],"data":[]}}`, nil,
		},
		{"instances", "", `{"instances":[` + setosa + `,` + virginica + `],"params":{"a":[1]},"other":1}`, both},
		{
			"columns in instances", "",
			`{"instances":{"petal_width":[0.2,2.3],"sepal_length":[5.1,6.7],"sepal_width":[3.5,3],"petal_length":[1.4,5.2]}}`,
			both,
		},
		{
			"columns", "",
			`{"inputs":{"petal_width":[0.2,2.3],"sepal_length":[5.1,6.7],"sepal_width":[3.5,3],"petal_length":[1.4,5.2]}}`, both,
		},
		{"records in inputs", "", `{"inputs":[` + setosa + `,` + virginica + `]}`, both},
		{"a form twice", "", `{"inputs":[],"inputs":[` + setosa + `]}`, both[:1]},
		{"with a mark", "", "\ufeff" + `{"inputs":[` + setosa + `]}`, both[:1]},
		{
			"csv", "text/csv", "petal_width,sepal_length,x,sepal_width,petal_length\n0.2,5.1,y,3.5,1.4\n2.3,6.7,z,3,5.2\n", both,
		},
		{"csv with a charset", "text/csv; charset=UTF-8", "petal_width,sepal_length,sepal_width,petal_length\r\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(t, "POST", "/invocations", test.body, "Content-Type: "+cmp.Or(test.contentType, "application/json"))
			var p predictions
			got.json(t, 200, &p)
			if labels := p.labels(t); !slices.Equal(labels, test.want) || p.Predictions == nil {
				t.Errorf("labels %v, want %v", labels, test.want)
			}
			if got := got.header.Get("Model-Version"); got != "iris/1" {
				t.Errorf("Model-Version %q, want iris/1", got)
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("predictions were logged: %s", a.log)
	}
}

func TestInvocations_versions(t *testing.T) {
	a := newAPI(t)
	for path, want := range map[string]string{
		"/invocations": "iris/1", "/iris/invocations": "iris/1", "/iris/invocations/": "iris/1",
		"/iris/versions/2/invocations":        "iris/2",
		"/iris/versions/champion/invocations": "iris/1", "/unpromoted/versions/1/invocations": "unpromoted/1",
	} {
		t.Run(path, func(t *testing.T) {
			body := `{"inputs":[` + setosa + `]}`
			if strings.HasPrefix(path, "/unpromoted") {
				body = `{"inputs":[` + wineRow() + `]}`
			}
			var p predictions
			got := a.do(t, "POST", path, body, "Content-Type: application/json")
			got.json(t, 200, &p)
			if got := got.header.Get("Model-Version"); got != want || len(p.Predictions) != 1 {
				t.Errorf("%d predictions of %q, want one of %s", len(p.Predictions), got, want)
			}
		})
	}
}

// wineRow is a row of ones for the models of wine.
func wineRow() string {
	schema := shared.cache.Champion(wineModel).Model.Schema()
	row := map[string]float64{}
	for _, feature := range schema.Features {
		row[feature] = 1
	}
	return string(must(json.Marshal(row)))
}

func TestInvocations_agreesWithPredict(t *testing.T) {
	a := newAPI(t)
	var p serving.Prediction
	var many predictions
	a.do(t, "POST", "/awkward/predict", `{"a/b~c":1,"say \"hi\"":2}`).json(t, 200, &p)
	a.do(t, "POST", "/awkward/invocations", `{"inputs":[{"a/b~c":1,"say \"hi\"":2}]}`, "Content-Type: application/json").
		json(t, 200, &many)
	for class, probability := range p.Probabilities {
		if got := many.Predictions[0]["p_"+class]; got != probability {
			t.Errorf("p_%s is %v, want the %v of /predict", class, got, probability)
		}
	}
	if many.Predictions[0]["label"] != p.Label {
		t.Errorf("label %v, want %s", many.Predictions[0]["label"], p.Label)
	}
}

// mlflowError is the body of the errors of MLflow.
type mlflowError struct {
	ErrorCode  string `json:"error_code"`
	Message    string `json:"message"`
	SQLState   string `json:"sqlstate"`
	ErrorClass string `json:"error_class"`
}

var (
	mlflowBadRequest  = mlflowError{"BAD_REQUEST", "", "KAM00", "INVALID_PARAMETER_VALUE"}
	mlflowMisfit      = mlflowError{"INVALID_PARAMETER_VALUE", "", "KAM01", "SCHEMA_ENFORCEMENT_FAILED"}
	mlflowUnknown     = mlflowError{"RESOURCE_DOES_NOT_EXIST", "", "KAM00", "RESOURCE_NOT_FOUND"}
	mlflowUnavailable = mlflowError{"TEMPORARILY_UNAVAILABLE", "", "XXM00", "CLIENT_INTERNAL_ERROR"}
)

const csvMedia = "text/csv"

// mlflowFault checks that an answer is an error in MLflow's shape whose message contains the words.
func (an answer) mlflowFault(t *testing.T, status int, want mlflowError, words ...string) {
	t.Helper()
	var got mlflowError
	an.json(t, status, &got)
	for _, word := range words {
		if !strings.Contains(got.Message, word) {
			t.Errorf("message %q, want it to say %q", got.Message, word)
		}
	}
	if got.Message == "" {
		t.Error("no message")
	}
	if got.Message = want.Message; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestInvocations_badInput(t *testing.T) {
	a := newAPI(t)
	with := func(value string) string {
		return `{"dataframe_records":[` + strings.Replace(setosa, "0.2", value, 1) + `]}`
	}
	const names = `"sepal_length","sepal_width","petal_length","petal_width"`
	for _, test := range []struct {
		name, path, contentType, body string
		status                        int
		want                          mlflowError
		words                         string
	}{
		{name: "broken JSON", body: `{"inputs":[`, want: mlflowBadRequest, words: "byte"},
		{name: "an empty body", want: mlflowBadRequest, words: "byte"},
		{name: "a list", body: `[` + setosa + `]`, want: mlflowBadRequest, words: "an array"},
		{name: "no form", body: setosa, want: mlflowBadRequest, words: "dataframe_split"},
		{name: "two forms", body: `{"inputs":[],"instances":[]}`, want: mlflowBadRequest, words: "exactly one"},
		{name: "a chat", body: `{"messages":[{"role":"user","content":"hi"}]}`, want: mlflowMisfit, words: "language model"},
		{name: "text", body: with(`"abc"`), want: mlflowBadRequest, words: "/dataframe_records/0/petal_width"},
		{name: "null", body: with(`null`), want: mlflowMisfit, words: "/dataframe_records/0/petal_width: null"},
		{name: "NaN", body: with(`NaN`), want: mlflowMisfit, words: "/dataframe_records/0/petal_width: NaN"},
		{name: "Infinity", body: with(`-Infinity`), want: mlflowMisfit, words: "-Infinity is not finite"},
		{name: "1e999", body: with(`1e999`), want: mlflowMisfit, words: "1e999"},
		{
			name: "a missing feature", body: `{"dataframe_records":[{"sepal_length":1}]}`, want: mlflowMisfit,
			words: "/dataframe_records/0/sepal_width: missing",
		},
		{
			name: "a missing feature later", body: `{"dataframe_records":[` + setosa + `,{}]}`, want: mlflowMisfit,
			words: "/dataframe_records/1/sepal_length: missing",
		},
		{
			name: "a missing instance", body: `{"instances":[` + setosa + `,{}]}`, want: mlflowBadRequest, words: "/instances/1",
		},
		{name: "no records", body: `{"dataframe_records":[]}`, want: mlflowMisfit, words: "no records"},
		{name: "no instances", body: `{"instances":[]}`, want: mlflowMisfit, words: "no records"},
		{name: "null for records", body: `{"dataframe_records":null}`, want: mlflowBadRequest, words: "null, want an array"},
		{name: "null for inputs", body: `{"inputs":null}`, want: mlflowMisfit, words: "no names"},
		{name: "text for inputs", body: `{"inputs":"x"}`, want: mlflowBadRequest, words: "a string"},
		{name: "bare rows", body: `{"instances":[[5.1,3.5,1.4,0.2]]}`, want: mlflowMisfit, words: "/instances/0"},
		{name: "a nested value in a frame", body: with(`[1]`), want: mlflowBadRequest, words: "an array"},
		{
			name: "a nested value in inputs", body: `{"inputs":[` + strings.Replace(setosa, "0.2", "[1]", 1) + `]}`,
			want: mlflowMisfit, words: "an array",
		},
		{
			name: "columns of two lengths", body: `{"inputs":{"sepal_length":[1,2],"sepal_width":[1]}}`, want: mlflowMisfit,
			words: "/inputs/sepal_width: 1 value",
		},
		{
			name: "instances of two lengths", body: `{"instances":{"sepal_length":[1,2],"sepal_width":[1]}}`,
			want: mlflowBadRequest, words: "1 value",
		},
		{name: "no columns", body: `{"dataframe_split":{"data":[[1,2,3,4]]}}`, want: mlflowMisfit, words: "no names"},
		{
			name: "a short row", body: `{"dataframe_split":{"columns":[` + names + `],"data":[[1,2,3]]}}`,
			want: mlflowBadRequest, words: "/dataframe_split/data/0: 3 values",
		},
		{
			name: "null in a split", body: `{"dataframe_split":{"columns":[` + names + `],"data":[[1,2,3,4],[1,null,3,4]]}}`,
			want: mlflowMisfit, words: `column "sepal_width", /dataframe_split/data/1/1: null`,
		},
		{name: "an empty csv", contentType: csvMedia, want: mlflowBadRequest, words: "empty"},
		{
			name: "text in a csv", contentType: csvMedia, body: "sepal_length,sepal_width,petal_length,petal_width\n1,2,x,4\n",
			want: mlflowBadRequest, words: `line 2, column "petal_length"`,
		},
		{
			name: "a gap in a csv", contentType: csvMedia, body: "sepal_length,sepal_width,petal_length,petal_width\n1,2,,4\n",
			want: mlflowMisfit, words: `line 2, column "petal_length"`,
		},
		{
			name: "a csv without a column", contentType: csvMedia, body: "sepal_length\n1\n", want: mlflowMisfit,
			words: "sepal_width",
		},
		{
			name: "an unknown model", path: "/tulip/invocations", body: with("1"), status: 404, want: mlflowUnknown,
			words: "tulip",
		},
		{
			name: "an unknown version", path: "/iris/versions/99/invocations", body: with("1"), status: 404, want: mlflowUnknown,
			words: "99",
		},
		{
			name: "an unknown alias", path: "/iris/versions/staging/invocations", body: with("1"), status: 404,
			want: mlflowUnknown, words: "staging",
		},
		{
			name: "no alias", path: "/iris/versions/a%20b/invocations", body: with("1"), status: 404, want: mlflowUnknown,
			words: "a number or an alias",
		},
		{
			name: "a version of no model", path: "/tulip/versions/1/invocations", body: with("1"), status: 404,
			want: mlflowUnknown, words: "tulip",
		},
		{
			name: "no champion", path: "/unpromoted/invocations", body: with("1"), status: 503, want: mlflowUnavailable,
			words: "unpromoted",
		},
		{
			name: "too large", body: `{"x":"` + strings.Repeat("x", DefaultMaxBody) + `"}`, status: 413, want: mlflowBadRequest,
			words: "larger",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(
				t,
				"POST",
				cmp.Or(test.path, "/invocations"),
				test.body,
				"Content-Type: "+cmp.Or(test.contentType, "application/json"),
			)
			got.mlflowFault(t, cmp.Or(test.status, 400), test.want, test.words)
			if got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
}

func TestInvocations_contentTypes(t *testing.T) {
	a := newAPI(t)
	for contentType, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, " application/json ;charset=UTF-8": 200,
		"application/json;charset=utf-8;charset=utf-8": 200,
		"": 415, "Application/JSON": 415, "application/json;": 415, "application/json; charset=latin1": 415,
		`application/json; charset="utf-8"`:     415,
		"application/json; format=pandas-split": 415, "text/plain": 415, "application/vnd.apache.parquet": 415,
	} {
		t.Run(contentType, func(t *testing.T) {
			got := a.do(t, "POST", "/invocations", `{"inputs":[`+setosa+`]}`, "Content-Type: "+contentType)
			if got.status != want {
				t.Fatalf("%s, want %d", got, want)
			}
			media := got.header.Get("Content-Type")
			if want == 415 && (media != "text/plain; charset=utf-8" || len(got.body) == 0) {
				t.Errorf("Content-Type %q of %q, want a text", media, got.body)
			}
		})
	}
}

func TestInvocations_otherMethods(t *testing.T) {
	a := newAPI(t)
	for path, allow := range map[string]string{
		"/invocations": "POST", "/iris/invocations": "POST", "/version": "GET, HEAD",
	} {
		got := a.do(t, "PUT", path, "{}")
		var said struct{ Detail string }
		got.json(t, http.StatusMethodNotAllowed, &said)
		if said.Detail != "Method Not Allowed" || got.header.Get("Allow") != allow {
			t.Errorf("%s: %q, Allow %q, want %s", path, said.Detail, got.header.Get("Allow"), allow)
		}
	}
	got := a.do(t, "POST", "/invocations", "{}", "Content-Type: application/json", "Content-Encoding: br")
	if got.status != 415 || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a coding: %s of %s, want a 415 of text", got, got.header.Get("Content-Type"))
	}
}

func TestInvocations_health(t *testing.T) {
	a := newAPI(t)
	for path, want := range map[string]string{"/ping": "\n", "/health": "\n", "/version": deploy.MLflowVersion()} {
		got := a.do(t, "GET", path, nil)
		if got.status != 200 || string(got.body) != want || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s of %s, want %q", path, got, got.header.Get("Content-Type"), want)
		}
	}
	none := newAPI(t, func(o *Options) { o.DefaultModel = unpromotedModel })
	none.do(t, "GET", "/ping", nil).mlflowFault(t, 503, mlflowUnavailable, unpromotedModel)
}

// A task may have an id like a route of a protocol. Its errors are still problems.
func TestProtocolOf(t *testing.T) {
	for path, want := range map[string]bool{
		"/invocations": true, "/invocations/": true, "/iris/invocations": true, "/iris/versions/3/invocations": true,
		"/ping": true, "/v1/models": true, "/v1/x": true,
		"/predict/batch/invocations": false, "/iris/predict": false, "/v1": false, "/": false, "/versions": false,
		"/pings": false,
	} {
		if got := protocolOf(path) != nil; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func BenchmarkInvocations(b *testing.B) {
	handler := newAPI(b).Handler()
	for _, rows := range []int{1, 100} {
		body := `{"dataframe_records":[` + strings.TrimSuffix(strings.Repeat(setosa+",", rows), ",") + `]}`
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", "/iris/invocations", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, r); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
