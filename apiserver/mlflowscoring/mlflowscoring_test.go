package mlflowscoring

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/frame"
	"iris/internal/registry"
	"iris/model"
)

func TestScore_bounds(t *testing.T) {
	sc := served(t, "x,y\n1,a\n2,a\n3,b\n4,b\n")
	body := `{"inputs":[` + strings.TrimSuffix(strings.Repeat("1,", 100_000+1), ",") + `]}`
	got := scoreLocally(sc, []byte(body), 1)
	if got.Code != http.StatusRequestEntityTooLarge || !strings.Contains(got.Body.String(), "100000 rows") {
		t.Errorf("%d %s, want a 413 that names the limit", got.Code, got.Body)
	}
	a, b := strings.Repeat("a", 250), strings.Repeat("b", 250)
	long := served(t, "x,y\n1,"+a+"\n2,"+a+"\n3,"+b+"\n4,"+b+"\n")
	fits := []byte(strings.Replace(body, "1,1,", "1,", 1))
	got = scoreLocally(long, fits, 1)
	if got.Code != http.StatusRequestEntityTooLarge || !strings.Contains(got.Body.String(), "bytes") {
		t.Errorf("%d, %d bytes, want a 413 that names the bytes", got.Code, got.Body.Len())
	}
	if got := scoreLocally(sc, fits, 1); got.Code != 200 || got.Body.Len() < httpio.MaxSmall {
		t.Errorf("%d, %d bytes, want the predictions", got.Code, got.Body.Len())
	}
	got = scoreLocally(sc, fits, 0)
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("%d where too many large answers are being made, want a 503", got.Code)
	}
}

// served trains a model, which no registry has.
func served(t testing.TB, csv string) *champions.Served {
	t.Helper()
	table, _, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Train(t.Context(), table, model.Spec{}, func(model.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return &champions.Served{Version: registry.Version{Model: "local", Number: "1"}, Model: m}
}

type predictions struct {
	Predictions []map[string]any `json:"predictions"`
}

// scoreLocally answers a JSON body of the MLflow protocol, with a number of places for large answers.
func scoreLocally(served *champions.Served, body []byte, places int) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/local/invocations", nil)
	models := serving.New(serving.Options{Cache: new(champions.Cache), Bulk: make(httpio.Bulk, places)})
	form, rows, _, err := formOf(body)
	if err == nil {
		var p *serving.Predictor
		if p, err = models.Predictors.Requested(w, r, served); err == nil {
			err = inForm(form, models.AnswerPredictions(w, r, p, formSource(p, form, rows)))
		}
	}
	if err != nil {
		p := problemOf(err)
		httpio.SetHeader(w, p)
		Fail(w, p, err)
	}
	if len(models.Bulk) != 0 {
		panic("a place is still held")
	}
	return w
}

func FuzzInvocations(f *testing.F) {
	for _, body := range []string{
		`{"dataframe_records":[{"a":1,"b":2}]}`, `{"dataframe_split":{"columns":["a","b"],"data":[[1,2]],"index":[0]}}`,
		`{"instances":[[1,2]]}`,
		`{"inputs":{"a":[1,2],"b":3},"params":{}}`, `{"inputs":"x"}`, `{"inputs":null}`, `{"prompt":1}`,
		`{"instances":[ {"a":1e308,"b":-1e308}]}`, `{"inputs":[1,2]}`, `[]`, `{`,
	} {
		f.Add([]byte(body))
	}
	two := served(f, "a,b,y\n1,2,\"<\"\n2,1,\"<\"\n8,9,é\n9,8,é\n")
	one := served(f, "a,y\n1,x\n2,x\n8,y\n9,y\n")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, sc := range []*champions.Served{one, two} {
			got := scoreLocally(sc, body, 1)
			var p predictions
			var wrong mlflowError
			switch got.Code {
			case http.StatusOK:
				if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || p.Predictions == nil {
					t.Fatalf("%s: %v", got.Body, err)
				}
				for _, one := range p.Predictions {
					if len(one) != 3 || one["label"] == "" {
						t.Fatalf("prediction %v, want a label and two probabilities", one)
					}
				}
			case http.StatusBadRequest:
				if err := json.Unmarshal(got.Body.Bytes(), &wrong); err != nil || wrong.Message == "" || wrong.SQLState == "" {
					t.Fatalf("%s: %v", got.Body, err)
				}
			default:
				t.Fatalf("%d %s", got.Code, got.Body)
			}
		}
	})
}

// A further row costs no allocation, except that the answer grows.
func TestScore_allocations(t *testing.T) {
	sc := served(t, "a,b,y\n1,2,x\n2,1,x\n8,9,z\n9,8,z\n")
	allocations := func(rows int) float64 {
		body := []byte(`{"dataframe_records":[` + strings.TrimSuffix(strings.Repeat(`{"a":1.5,"b":2},`, rows), ",") + `]}`)
		return testing.AllocsPerRun(10, func() {
			if got := scoreLocally(sc, body, 1); got.Code != 200 {
				t.Fatal(got.Body)
			}
		})
	}
	few, many := allocations(100), allocations(1100)
	if many-few > 100 {
		t.Errorf("%v allocations for 100 rows, %v for 1100: want next to none for a row", few, many)
	}
}

// problemOf returns the problem of an error, as a server would tell it.
func problemOf(err error) *problem.Problem {
	var (
		p   *problem.Problem
		row *dataset.RowError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &row):
		return problem.New(http.StatusUnprocessableEntity, row.Error())
	}
	return problem.New(http.StatusBadRequest, err.Error())
}

func TestIsMisfit(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"a row whose probabilities are not finite": {serving.FormError(frame.NoValue, "", "too large"), true},
		"columns of two lengths": {
			inForm(formInputs, serving.FormError(frame.BadLength, "/inputs", "x")), true,
		},
		"the same of instances": {
			inForm(formInstances, serving.FormError(frame.BadLength, "", "x")), false,
		},
		"another error": {errors.New("x"), false},
	} {
		if got := isMisfit(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
