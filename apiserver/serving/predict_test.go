package serving

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
)

// irisRows is an array of n rows.
func irisRows(n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(setosa+",", n), ",") + "]"
}

// The answer is as long as the number of classes makes it, so a model with many classes takes fewer rows.
func TestPredict_rowsOfAModelWithManyClasses(t *testing.T) {
	limits := predictLimits("iris")
	for classes, want := range map[int]int{2: MaxRows, 104: MaxRows, 1000: 1048} {
		if got := limits.MaxRows(classes); got != want {
			t.Errorf("%d classes: %d rows, want %d", classes, got, want)
		}
	}
	limits.Rows = 2
	err := newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther).
		scoreArray(httptest.NewRequest("POST", "/", nil), limits, &scratch{body: []byte(irisRows(3))})
	var p *problem.Problem
	if !errors.As(err, &p) || p.Status != http.StatusRequestEntityTooLarge ||
		!strings.Contains(p.Detail, "more than 2 rows") {
		t.Errorf("got %v, want a 413 that says how many rows there may be", err)
	}
}

func TestPredict_rowsThatCannotBeComputedWith(t *testing.T) {
	p := newPredictor(servedIris(t, "1"), nil, dataset.UnseenOther)
	x, probabilities := []float64{5.1, 3.5, 1.4, 0.2}, make([]float64, 3)
	if _, ok := p.classify(x, probabilities); !ok {
		t.Errorf("the probabilities %v are not finite", probabilities)
	}
	x[0] = math.NaN()
	if _, ok := p.classify(x, probabilities); ok {
		t.Errorf("the probabilities %v of NaN are finite", probabilities)
	}
	rows := 0
	_, err := p.Score(t.Context(), predictLimits("iris"), func(row func([]float64) error) error {
		for _, v := range []float64{1, math.NaN()} {
			if err := row([]float64{v, 3.5, 1.4, 0.2}); err != nil {
				return err
			}
		}
		return nil
	}, func(int, []float64) error { rows++; return nil })
	var told *problem.Problem
	if !errors.As(err, &told) || len(told.Errors) != 1 || told.Errors[0].Pointer != "/1" || rows != 1 {
		t.Errorf("got %v after %d rows, want a fault at /1", err, rows)
	}
}

// A row of an array allocates only what its answer takes, which is nothing.
func TestPredict_rowsOfAnArrayAllocateNothing(t *testing.T) {
	ps := newPredictors(func(*champions.Served) bool { return true }, newProcess(never))
	p := ps.Of(servedIris(t, "1"), httpio.NewMetrics().Unmatched, dataset.UnseenOther)
	r := httptest.NewRequest("POST", "/", nil)
	of := func(n int) float64 {
		b := &scratch{body: []byte(irisRows(n))}
		x := &httpio.Exchange{ResponseWriter: discard{http.Header{}}}
		return testing.AllocsPerRun(20, func() {
			b.answer = b.answer[:0]
			if err := p.predictRows(x, r, predictLimits("iris"), b); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := of(100), of(2100); many > few {
		t.Errorf("%v allocations for 2,100 rows, %v for 100, want the same", many, few)
	}
}

// discard is a connection that takes everything.
type discard struct{ header http.Header }

func (d discard) Header() http.Header              { return d.header }
func (d discard) Write(p []byte) (int, error)      { return len(p), nil }
func (d discard) WriteHeader(int)                  {}
func (d discard) SetWriteDeadline(time.Time) error { return nil }
