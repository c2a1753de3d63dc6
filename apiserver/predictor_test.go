package apiserver

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/registry"
	"iris/model"
)

// servedIris is a model trained on the bundled data, as the cache would serve it.
func servedIris(t testing.TB, version string) *champions.Served {
	t.Helper()
	table := must(readAll(dataset.IrisCSV()))
	m, err := model.Train(t.Context(), table, must(model.Spec{}.Resolve()), func(model.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return &champions.Served{Version: registry.Version{Model: dataset.IrisModel, Number: version}, Model: m}
}

func TestPredictor_answerIsWhatEncodingJSONWouldWrite(t *testing.T) {
	p := newPredictor(servedIris(t, "12"))
	for _, probabilities := range [][]float64{
		{1, 0, 0},
		{0.1, 0.2, 0.7},
		{1.0 / 3, 1.0 / 3, 1.0 / 3},
		{1e-7, 1 - 1e-7, 5e-324},
		{1e-6, 0.999, math.Copysign(0, -1)},
	} {
		got, ok := p.appendAnswer(nil, 2, probabilities)
		if !ok {
			t.Errorf("%v is not finite", probabilities)
		}
		var decoded Prediction
		if err := json.Unmarshal(got, &decoded); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		want := Prediction{
			Specie:       "virginica",
			Label:        "virginica",
			Logits:       [][]float64{probabilities},
			ModelVersion: "12",
			ModelID:      "models:/iris/12",
			Probabilities: map[string]float64{
				"setosa":     probabilities[0],
				"versicolor": probabilities[1],
				"virginica":  probabilities[2],
			},
		}
		if !reflect.DeepEqual(decoded, want) {
			t.Errorf("got %s, want %+v", got, want)
		}
	}
}

func TestPredictor_refusesWhatJSONCannotHold(t *testing.T) {
	p := newPredictor(servedIris(t, "1"))
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, ok := p.appendAnswer(nil, 0, []float64{0, v, 0}); ok {
			t.Errorf("%v was written", v)
		}
	}
}

func TestPredictors_areMadeOncePerVersionAndRoute(t *testing.T) {
	held := map[*champions.Served]bool{}
	m := newMetrics(new(champions.Cache))
	ps := newPredictors(func(s *champions.Served) bool { return held[s] }, m)
	route, other := m.http.Route("POST", "/{model}/predict"), m.http.Route("POST", "/predict")
	one, two, three := servedIris(t, "1"), servedIris(t, "2"), servedIris(t, "3")
	held[one], held[two] = true, true
	first := ps.of(one, route)
	if first != ps.of(one, route) {
		t.Error("the same version has two predictors on a route")
	}
	if first == ps.of(one, other) {
		t.Error("two routes share a predictor, and so its series")
	}
	second := ps.of(two, route)
	if second == first || second.Served != two {
		t.Error("a version is served by the predictor of another")
	}
	if ps.of(one, route) != first {
		t.Error("the predictor of another version was lost")
	}
	held[one] = false
	ps.of(three, route)
	all := *ps.all.Load()
	if len(all) != 2 || all[asked{two, route}] != second || all[asked{three, route}] == nil {
		t.Errorf("got the predictors %v, want those of the versions that the cache holds and of the new one", all)
	}
	ps.sweep()
	if all := *ps.all.Load(); len(all) != 1 || all[asked{two, route}] != second {
		t.Errorf("got the predictors %v, want that of the version that the cache holds", all)
	}
	if n := testutil.CollectAndCount(m.predicted); n != 1 {
		t.Errorf("%d versions have series, want one", n)
	}
	if n := testutil.CollectAndCount(m.http, "iris_http_request_duration_seconds"); n != 5 {
		t.Errorf("%d series of durations, want those of four routes, gRPC among them, and of one version", n)
	}
}

func TestPredictor_allocatesNothing(t *testing.T) {
	served := servedIris(t, "1")
	m := newMetrics(new(champions.Cache))
	ps := newPredictors(func(*champions.Served) bool { return true }, m)
	b := new(scratch)
	body := []byte(setosa)
	allocations := testing.AllocsPerRun(100, func() {
		p := ps.of(served, m.http.Unmatched)
		b.reset(4, 3)
		if err := p.rows.DecodeRow(body, b.x); err != nil {
			t.Fatal(err)
		}
		b.answer, _ = p.appendAnswer(b.answer, p.Model.Predict(b.x, b.probabilities), b.probabilities)
		p.duration.Observe(1e-6)
		p.predicted.Inc()
	})
	if allocations != 0 {
		t.Errorf("%v allocations for a prediction, want none", allocations)
	}
}
