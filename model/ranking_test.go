package model

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// oracle is a scorer whose features are the probabilities.
type oracle struct{}

func (oracle) prepare(int, int) error  { return nil }
func (oracle) score(x, p []float64)    { copy(p, x) }
func (oracle) onnx(*onnx.Graph) string { return "" }

// oracleOf returns an oracle, and a table of rows with these classes and probabilities.
func oracleOf(y []int, p ...[]float64) (*Model, *dataset.Table) {
	t := table(y, p...)
	t.Schema.Classes = make([]string, len(p[0]))
	for k := range t.Schema.Classes {
		t.Schema.Classes[k] = fmt.Sprintf("c%d", k)
	}
	return &Model{schema: t.Schema, scorer: oracle{}}, t
}

// probabilityRows are ten rows of three classes. The fourth and the fifth are equal.
var (
	probabilityRows = [][]float64{
		{.06, .21, .73},
		{.79, .12, .09},
		{.28, .07, .65},
		{.13, .62, .25},
		{.13, .62, .25},
		{.46, .21, .33},
		{.62, .38, .0},
		{.36, .27, .37},
		{.36, .32, .32},
		{.21, .01, .78},
	}
	probabilityClasses = []int{0, 1, 2, 2, 1, 0, 2, 1, 0, 0}
)

// TestEvaluate_asScikitLearn compares with roc_auc_score, average_precision_score per class, balanced_accuracy_score,
// matthews_corrcoef and brier_score_loss of scikit-learn 1.9.1.
func TestEvaluate_asScikitLearn(t *testing.T) {
	var second [][]float64
	var rest []int
	for r, p := range probabilityRows {
		second, rest = append(second, []float64{1 - p[1], p[1]}), append(rest, min(probabilityClasses[r], 1))
	}
	for name, test := range map[string]struct {
		y    []int
		p    [][]float64
		want map[string]float64
	}{
		"three classes": {probabilityClasses, probabilityRows, map[string]float64{
			"auc": 0.43353174603174605, "average_precision": 0.369973544973545, "balanced_accuracy": 0.38888888888888884,
			"mcc": 0.09231861823449955, "brier": 0.88804,
		}},
		"two classes": {rest, second, map[string]float64{
			"auc": 0.7083333333333333, "average_precision": 0.770734126984127, "balanced_accuracy": 0.6666666666666666,
			"mcc": 0.4082482904638631, "brier": 0.30361,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Evaluate(oracleOf(test.y, test.p...))
			if err != nil {
				t.Fatal(err)
			}
			for metric, want := range test.want {
				if v := got.Summary()[metric]; math.Abs(v-want) > 1e-12 {
					t.Errorf("%s %v, want %v", metric, v, want)
				}
			}
			unranked, err := EvaluateUnranked(oracleOf(test.y, test.p...))
			if err != nil || unranked.AUC != 0 || unranked.MCC != got.MCC || unranked.Brier != got.Brier {
				t.Errorf("unranked: %+v (%v), want the same without the areas", unranked, err)
			}
		})
	}
}

func TestEvaluate_oneClassOnly(t *testing.T) {
	got, err := EvaluateWithIntervals(oracleOf([]int{1, 1}, []float64{.3, .7}, []float64{.1, .9}))
	if err != nil || got.AUC != 0 || got.AveragePrecision != 0 || got.MCC != 0 || got.BalancedAccuracy != 1 {
		t.Errorf("got %+v (%v), want 0 for what one class cannot have", got, err)
	}
	if _, ok := got.Intervals["auc"]; ok || got.Intervals["accuracy"] != (Interval{1, 1}) {
		t.Errorf("intervals %v, want none of auc, and no width of an accuracy of 1", got.Intervals)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

// TestEvaluate_evenlySpacedRows has more probabilities than are ranked at once.
func TestEvaluate_evenlySpacedRows(t *testing.T) {
	rows := maxRankedCells/2 + 10
	s, step := ranked(rows, 2)
	if step != 2 || cap(s.y) != (rows+1)/2 || cap(s.p) != 2*cap(s.y) {
		t.Errorf("every %d. row, room for %d, want every second", step, cap(s.y))
	}
	if _, step := ranked(rows-10, 2); step != 1 {
		t.Errorf("every %d. row, want all", step)
	}
}

// noisyRows returns rows of two classes whose probabilities tell the class in part.
func noisyRows(n int) (*Model, *dataset.Table) {
	random := rand.New(rand.NewPCG(1, 1))
	y, p := make([]int, n), make([][]float64, n)
	for r := range y {
		q := random.Float64()
		if random.Float64() < q {
			y[r] = 1
		}
		p[r] = []float64{1 - q, q}
	}
	return oracleOf(y, p...)
}

func TestEvaluateWithIntervals(t *testing.T) {
	m, rows := noisyRows(1000)
	got, err := EvaluateWithIntervals(m, rows)
	if err != nil {
		t.Fatal(err)
	}
	// The standard error of an accuracy of about .75 of 1000 rows is .0137, and an interval is 3.92 of them.
	if i := got.Intervals["accuracy"]; math.Abs(i.High-i.Low-.0537) > .006 {
		t.Errorf("accuracy %v from %v to %v, want a width of about .054", got.Accuracy, i.Low, i.High)
	}
	for name, v := range map[string]float64{"accuracy": got.Accuracy, "log_loss": got.LogLoss, "auc": got.AUC} {
		if i := got.Intervals[name]; !(i.Low < v && v < i.High) {
			t.Errorf("%s %v is not inside %v", name, v, i)
		}
	}
	again, err := EvaluateWithIntervals(m, rows)
	if err != nil || fmt.Sprint(again.Intervals) != fmt.Sprint(got.Intervals) {
		t.Errorf("a second time: %v (%v), want %v", again.Intervals, err, got.Intervals)
	}
	if flat := got.Flat(); flat["auc_low"] != got.Intervals["auc"].Low || flat["log_loss_high"] == 0 {
		t.Errorf("flat metrics %v lack the intervals", flat)
	}
}

// TestEvaluateWithIntervals_ofASample checks that a sample of many rows gives the interval of many rows.
func TestEvaluateWithIntervals_ofASample(t *testing.T) {
	m, rows := noisyRows(4 * maxBootRows)
	got, err := EvaluateWithIntervals(m, rows)
	if err != nil {
		t.Fatal(err)
	}
	want := 3.92 * math.Sqrt(got.Accuracy*(1-got.Accuracy)/float64(rows.Rows()))
	if i := got.Intervals["accuracy"]; math.Abs((i.High-i.Low)/want-1) > .2 {
		t.Errorf("a width of %v, want about %v", i.High-i.Low, want)
	}
}

func TestMetrics_olderJSON(t *testing.T) {
	var m Metrics
	old := `{"rows":2,"accuracy":1,"log_loss":0.1,"ece":0,"macro_f1":1,"classes":null,"confusion":null}`
	if err := json.Unmarshal([]byte(old), &m); err != nil || m.LogLoss != .1 || m.Intervals != nil {
		t.Errorf("%+v (%v)", m, err)
	}
}

// BenchmarkEvaluate measures the rows of a large hold-out. The model costs nothing.
func BenchmarkEvaluate(b *testing.B) {
	m, rows := noisyRows(1_000_000)
	for name, measure := range map[string]func(*Model, *dataset.Table) (Metrics, error){
		"unranked": EvaluateUnranked, "ranked": Evaluate, "intervals": EvaluateWithIntervals,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := measure(m, rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
