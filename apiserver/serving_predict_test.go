package apiserver

import (
	"cmp"
	"math"
	"net/http"
	"strings"
	"testing"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/dataset"
)

const setosa = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`

func TestPredict_answersTheChampion(t *testing.T) {
	a := newAPI(t)
	for name, path := range map[string]string{
		"by name": "/iris/predict", "by default": "/predict", "with a slash": "/iris/predict/",
	} {
		t.Run(name, func(t *testing.T) {
			got := a.do(t, "POST", path, setosa, "Content-Type: application/json")
			var p serving.Prediction
			got.json(t, 200, &p)
			if p.Specie != "setosa" || p.Label != "setosa" || p.ModelVersion != "1" || p.ModelID != "models:/iris/1" {
				t.Errorf("got %+v, want setosa by models:/iris/1", p)
			}
			checkProbabilities(t, p, dataset.Iris().Classes)
			if got := got.header.Get("Model-Version"); got != "iris/1" {
				t.Errorf("Model-Version %q, want iris/1", got)
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("predictions were logged: %s", a.log)
	}
}

// checkProbabilities checks that the logits and the probabilities are the same and add up to 1.
func checkProbabilities(t *testing.T, p serving.Prediction, classes []string) {
	t.Helper()
	if len(p.Logits) != 1 || len(p.Logits[0]) != len(classes) || len(p.Probabilities) != len(classes) {
		t.Fatalf("logits %v, probabilities %v, want one per class of %v", p.Logits, p.Probabilities, classes)
	}
	sum := 0.0
	for i, class := range classes {
		if p.Logits[0][i] != p.Probabilities[class] {
			t.Errorf("logit %d is %v, the probability of %s is %v", i, p.Logits[0][i], class, p.Probabilities[class])
		}
		if p.Probabilities[class] > p.Probabilities[p.Label] {
			t.Errorf("%s is more probable than the label %s", class, p.Label)
		}
		sum += p.Logits[0][i]
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("probabilities add up to %v", sum)
	}
}

func TestPredict_escapesNames(t *testing.T) {
	a := newAPI(t)
	got := a.do(t, "POST", "/awkward/predict", `{"a/b~c":1,"say \"hi\"":2}`)
	var p serving.Prediction
	got.json(t, 200, &p)
	if p.Label != `<a & "b">` || p.Specie != "" {
		t.Errorf("label %q, specie %q, want the class and no specie", p.Label, p.Specie)
	}
	checkProbabilities(t, p, []string{`<a & "b">`, "ü,é"})
}

func TestPredict_badInput(t *testing.T) {
	a := newAPI(t)
	without := func(feature string) string { return strings.Replace(setosa, `"`+feature+`":`, `"other":`, 1) }
	with := func(value string) string { return strings.Replace(setosa, "0.2", value, 1) }
	for _, test := range []struct {
		name, path, body, contentType string
		status                        int
		fault                         problem.Fault
		want                          string
	}{
		{
			name: "a missing feature", body: without("petal_width"), status: 422, fault: problem.Fault{Pointer: "/petal_width"},
			want: "missing",
		},
		{
			name: "another case", body: strings.Replace(setosa, "petal_width", "Petal_Width", 1), status: 422,
			fault: problem.Fault{Pointer: "/petal_width"},
		},
		{name: "a number as text", body: with(`"0.2"`), status: 422, fault: problem.Fault{Pointer: "/petal_width"}},
		{name: "null", body: with(`null`), status: 422, fault: problem.Fault{Pointer: "/petal_width"}},
		{name: "true", body: with(`true`), status: 422, fault: problem.Fault{Pointer: "/petal_width"}},
		{name: "not finite", body: with(`1e999`), status: 422, fault: problem.Fault{Pointer: "/petal_width"}},
		{
			name: "given twice", body: with(`0.2,"petal_width":0.2`), status: 422, fault: problem.Fault{Pointer: "/petal_width"},
		},
		{name: "a number for an object", body: `1`, status: 422, fault: problem.Fault{}},
		{
			name: "a pointer to escape", path: "/awkward/predict", body: `{"say \"hi\"":2}`, status: 422,
			fault: problem.Fault{Pointer: "/a~1b~0c"},
		},
		{
			name: "a version in the query", path: "/iris/predict?version=2", body: setosa, status: 422,
			fault: problem.Fault{Parameter: "version"}, want: "versions/{version}/predict",
		},
		{
			name: "a query for a version", path: "/iris/versions/1/predict?x", body: setosa, status: 422,
			fault: problem.Fault{Parameter: "x"},
		},
		{name: "an empty body", body: "", status: 400},
		{name: "broken JSON", body: `{"sepal_length":5.1,`, status: 400, want: "byte"},
		{name: "trailing bytes", body: setosa + "x", status: 400},
		{name: "another type", body: setosa, contentType: "text/plain", status: 415, want: "application/json"},
		{name: "another charset", body: setosa, contentType: "application/json; charset=latin1", status: 415, want: "UTF-8"},
		{name: "a malformed type", body: setosa, contentType: "application/json; =", status: 415, want: "malformed"},
		{name: "too large", body: `{"x":"` + strings.Repeat("x", httpio.MaxSmall) + `"}`, status: 413, want: "1048576"},
		{name: "an unknown model", path: "/tulip/predict", body: setosa, status: 404, want: "tulip"},
		{name: "no name of a model", path: "/Iris/predict", body: setosa, status: 404, want: "Iris"},
		{name: "a reserved name", path: "/tasks/predict", body: setosa, status: 404, want: "tasks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(
				t,
				"POST",
				cmp.Or(test.path, "/iris/predict"),
				test.body,
				"Content-Type: "+cmp.Or(test.contentType, "application/json"),
			)
			p := got.problem(t, test.status, test.want)
			if test.status == 422 {
				p.faultAt(t, test.fault)
			}
		})
	}
	a.do(t, "POST", "/iris/predict?%", setosa, jsonType).problem(t, 422, "malformed")
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
}

func TestPredict_contentTypesThatAreJSON(t *testing.T) {
	a := newAPI(t)
	for _, contentType := range []string{
		"", "application/json", "Application/JSON; charset=UTF-8", "application/json;charset=us-ascii",
		"application/json; charset=UTF8",
	} {
		t.Run(contentType, func(t *testing.T) {
			var p serving.Prediction
			a.do(t, "POST", "/iris/predict", setosa, "Content-Type: "+contentType).json(t, 200, &p)
		})
	}
}

func TestPredict_modelWithoutChampion(t *testing.T) {
	a := newAPI(t)
	got := a.do(t, "POST", "/unpromoted/predict", setosa)
	got.problem(t, http.StatusServiceUnavailable, "unpromoted", "no champion")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestPredict_hugeValuesAreNoInternalError(t *testing.T) {
	a := newAPI(t)
	for _, value := range []string{"1e308", "-1e308", "1e-308"} {
		body := strings.ReplaceAll(strings.ReplaceAll(setosa, "1.4", value), "0.2", value)
		if got := a.do(t, "POST", "/iris/predict", body); got.status != 200 && got.status != 422 {
			t.Errorf("%s: %s, want a prediction or a 422", value, got)
		}
	}
}
