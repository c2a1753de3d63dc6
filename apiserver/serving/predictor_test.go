package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/frame"
	"iris/internal/registry"
	"iris/model"
)

const setosa = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`

// servedIris is a model trained on the bundled data, as the cache would serve it.
func servedIris(t testing.TB, version string) *champions.Served {
	t.Helper()
	known := dataset.Iris()
	table, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{Known: &known})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Train(t.Context(), table, model.Spec{}, func(model.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return &champions.Served{Version: registry.Version{Model: dataset.IrisModel, Number: version}, Model: m}
}

// The struct is what the OpenAPI document describes, and the bytes are what clients get.
func TestPredictor_answerIsWhatEncodingJSONWouldWrite(t *testing.T) {
	p := newPredictor(servedIris(t, "12"), nil, dataset.UnseenOther)
	for _, probabilities := range [][]float64{
		{1, 0, 0},
		{0.1, 0.2, 0.7},
		{1.0 / 3, 1.0 / 3, 1.0 / 3},
		{1e-7, 1 - 1e-7, 5e-324},
		{1e-6, 0.999, math.Copysign(0, -1)},
	} {
		got := p.appendAnswer(nil, 2, probabilities)
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
		if answer := p.answer(2, probabilities); !reflect.DeepEqual(answer, want) {
			t.Errorf("got %+v, want %+v", answer, want)
		}
		var decoded Prediction
		if err := json.Unmarshal(got, &decoded); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if !reflect.DeepEqual(decoded, want) {
			t.Errorf("got %s, want %+v", got, want)
		}
		if encoded, err := json.Marshal(want); err != nil || !bytes.Equal(got, encoded) {
			t.Errorf("got %s, want %s as encoding/json writes it (%v)", got, encoded, err)
		}
	}
}

func TestFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if finite([]float64{0, v, 1}) {
			t.Errorf("%v is finite", v)
		}
	}
	if !finite([]float64{0, -1, math.MaxFloat64}) || !finite(nil) {
		t.Error("finite numbers are not finite")
	}
}

func TestPredictors_areMadeOncePerVersionAndRoute(t *testing.T) {
	held := map[*champions.Served]bool{}
	metrics := httpio.NewMetrics()
	ps := newPredictors(func(s *champions.Served) bool { return held[s] }, newProcess(never))
	route, other := metrics.Route("POST", "/{model}/predict"), metrics.Route("POST", "/predict")
	one, two, three := servedIris(t, "1"), servedIris(t, "2"), servedIris(t, "3")
	held[one], held[two] = true, true
	first := ps.Of(one, route, dataset.UnseenOther)
	if first != ps.Of(one, route, dataset.UnseenOther) {
		t.Error("the same version has two predictors on a route")
	}
	if first == ps.Of(one, other, dataset.UnseenOther) {
		t.Error("two routes share a predictor, and so its series")
	}
	second := ps.Of(two, route, dataset.UnseenOther)
	if second == first || second.Served != two {
		t.Error("a version is served by the predictor of another")
	}
	if ps.Of(one, route, dataset.UnseenOther) != first {
		t.Error("the predictor of another version was lost")
	}
	held[one] = false
	ps.Of(three, route, dataset.UnseenOther)
	all := *ps.all.Load()
	if len(all) != 2 || all[predictorKey{two, route, dataset.UnseenOther}] != second ||
		all[predictorKey{three, route, dataset.UnseenOther}] == nil {
		t.Errorf("got the predictors %v, want those of the versions that the cache holds and of the new one", all)
	}
	ps.Sweep()
	if all := *ps.all.Load(); len(all) != 1 || all[predictorKey{two, route, dataset.UnseenOther}] != second {
		t.Errorf("got the predictors %v, want that of the version that the cache holds", all)
	}
	if n := testutil.CollectAndCount(ps); n != len(ps.counters()) {
		t.Errorf("%d series, want one of each counter", n)
	}
	if n := testutil.CollectAndCount(metrics, "iris_http_request_duration_seconds"); n != 4 {
		t.Errorf("%d series of durations, want those of three routes and of one version", n)
	}
}

// A deleted model must not stay in memory because a client once asked it by the protocol of another server.
func TestPredictors_dropADeletedModel(t *testing.T) {
	deleted, kept := servedIris(t, "1"), servedIris(t, "1")
	deleted.Version.Model = "deleted"
	held := map[*champions.Served]bool{deleted: true, kept: true}
	ps := newPredictors(func(s *champions.Served) bool { return held[s] }, newProcess(never))
	m := &Models{Predictors: ps}
	handler := func(served *champions.Served) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p, err := ps.Requested(w, r, served)
			if err != nil {
				t.Error(err)
			}
			source := func(row func([]float64) error) error { return row([]float64{5.1, 3.5, 1.4, 0.2}) }
			if err := m.AnswerPredictions(w, r, p, source); err != nil {
				t.Error(err)
			}
		}
	}
	ask := func(served *champions.Served) {
		t.Helper()
		h := httpio.NewHandler(httpio.Options{Router: handler(served), Metrics: httpio.NewMetrics()})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/invocations", nil))
		if !strings.Contains(w.Body.String(), `{"predictions":[{"label":"setosa"`) {
			t.Fatal(w.Body)
		}
	}
	ask(deleted)
	delete(held, deleted)
	ask(kept)
	for key := range *ps.all.Load() {
		if key.served == deleted {
			t.Error("the deleted model is still in memory")
		}
	}
}

func TestPredictor_allocatesNothing(t *testing.T) {
	served, route := servedIris(t, "1"), httpio.NewMetrics().Unmatched
	ps := newPredictors(func(*champions.Served) bool { return true }, newProcess(never))
	b := new(scratch)
	body := []byte(setosa)
	allocations := testing.AllocsPerRun(100, func() {
		p := ps.Of(served, route, dataset.UnseenOther)
		b.reset(4, 3)
		if err := p.rows.DecodeRow(body, b.x); err != nil {
			t.Fatal(err)
		}
		best, ok := p.classify(b.x, b.probabilities)
		if !ok {
			t.Fatal("not finite")
		}
		b.answer = p.appendAnswer(b.answer, best, b.probabilities)
		p.duration.Observe(1e-6)
		p.predicted.Inc()
	})
	if allocations != 0 {
		t.Errorf("%v allocations for a prediction, want none", allocations)
	}
}

func TestScore_endsWithItsClient(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	w, rows := httptest.NewRecorder(), 0
	m := &Models{}
	err := m.AnswerPredictions(
		w,
		r.WithContext(ctx),
		newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther),
		func(row func([]float64) error) error {
			for ; rows < predictionsLimits.Rows; rows++ {
				if err := row([]float64{5.1, 3.5, 1.4, 0.2}); err != nil {
					return err
				}
			}
			return nil
		},
	)
	if !errors.Is(err, httpio.ErrHungUp) || rows > 1000 || w.Body.Len() > 0 {
		t.Errorf("%v after %d rows, %d bytes answered, want it to end within 1000 without an answer", err, rows, w.Body.Len())
	}
}

// No learner computes NaN from finite values. If one did, the answer would still be JSON.
func TestPredictions_overflowNamesTheRow(t *testing.T) {
	err := predictionsLimits.Overflow(7)
	if fault, ok := FrameFault(err); !ok || fault != frame.NoValue || !strings.Contains(err.Error(), "row 7") {
		t.Errorf("%v, want an error that names the row", err)
	}
}
