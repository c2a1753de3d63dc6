package search

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/model"
)

// Defaults of a training.
const (
	seed     = 42
	testSize = 0.25
)

// given returns three datasets, by the names of datasettest.Folds.
func given() map[string][]byte {
	return map[string][]byte{
		"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast_cancer": datasettest.BreastCancer(),
	}
}

// TestAuto_picksAlmostTheBest checks on three datasets that the accuracy of the family that auto picks is within a
// point of that of the best family. Each dataset has five fixed folds. The best is the best by log loss, as in auto: by
// accuracy alone, knn would win on iris by three rows of 150, with almost three times the log loss.
func TestAuto_picksAlmostTheBest(t *testing.T) {
	for name, csv := range given() {
		t.Run(name, func(t *testing.T) {
			table := read(t, csv, dataset.ScanOptions{})
			candidates := model.Candidates(table.Rows())
			accuracy := map[model.Algorithm]float64{}
			var tried []Trial
			best := Trial{Score: &model.Score{Mean: 1e9}}
			for _, algorithm := range model.Algorithms() {
				var trial Trial
				trial, accuracy[algorithm] = tryGivenFolds(t, table, datasettest.Folds(name), algorithm)
				if trial.Score.Mean < best.Score.Mean {
					best = trial
				}
				if slices.Contains(candidates, algorithm) {
					tried = append(tried, trial)
				}
			}
			picked, reason := cheapest(Rank(tried, LogLoss))
			t.Logf(
				"%s with accuracy %.4f, best %s with %.4f: %s",
				picked.Algorithm, accuracy[picked.Algorithm], best.Algorithm, accuracy[best.Algorithm], reason,
			)
			if accuracy[picked.Algorithm] < accuracy[best.Algorithm]-0.01 {
				t.Errorf("auto picks %s with an accuracy of %.4f, want at most .01 below that of the best, %s: %.4f",
					picked.Algorithm, accuracy[picked.Algorithm], best.Algorithm, accuracy[best.Algorithm])
			}
		})
	}
}

// tryGivenFolds cross-validates a family with its defaults on five folds, given by row, and returns its accuracy too.
func tryGivenFolds(t *testing.T, table *dataset.Table, folds []int, algorithm model.Algorithm) (Trial, float64) {
	t.Helper()
	const n = 5
	var losses [n]float64
	var score model.Score
	accuracy := 0.0
	for out := range n {
		train, test := leaveOut(table, folds, out)
		metrics := fit(t, algorithm, train, test)
		losses[out] = metrics.LogLoss
		score.Mean += metrics.LogLoss / n
		accuracy += metrics.Accuracy / n
	}
	for _, loss := range losses {
		score.Std += (loss - score.Mean) * (loss - score.Mean) / (n - 1)
	}
	score.Std = math.Sqrt(score.Std)
	return Trial{Name: string(algorithm), Algorithm: algorithm, Fits: n, Score: &score}, accuracy
}

// leaveOut splits a table into the rows outside one fold and the rows inside it.
func leaveOut(table *dataset.Table, folds []int, out int) (train, test *dataset.Table) {
	var outside, inside []int
	for row, fold := range folds {
		if fold == out {
			inside = append(inside, row)
		} else {
			outside = append(outside, row)
		}
	}
	return table.Subset(outside), table.Subset(inside)
}

// fit fits a family with its defaults and evaluates it.
func fit(t testing.TB, algorithm model.Algorithm, train, test *dataset.Table) model.Metrics {
	t.Helper()
	m, err := model.Train(t.Context(), train, model.Spec{Algorithm: algorithm, Seed: seed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := model.Evaluate(m, test)
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

func read(t testing.TB, csv []byte, o dataset.ScanOptions) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestAuto_predictAllocatesNothing checks the champion that auto makes of the bundled data. On an idle machine it
// answers within a microsecond; see BenchmarkAuto_predict.
func TestAuto_predictAllocatesNothing(t *testing.T) {
	m, row := autoChampion(t)
	p := make([]float64, len(m.Schema().Classes))
	if n := testing.AllocsPerRun(1000, func() { m.Predict(row, p) }); n != 0 {
		t.Errorf("a prediction by %s allocates %v times, want never", m.Spec().Algorithm, n)
	}
}

func BenchmarkAuto_predict(b *testing.B) {
	m, row := autoChampion(b)
	p := make([]float64, len(m.Schema().Classes))
	b.ReportAllocs()
	for b.Loop() {
		m.Predict(row, p)
	}
	b.Logf("the champion is by %s", m.Spec().Algorithm)
}

// autoChampion returns the model that a training on the bundled data makes by default, and a row.
func autoChampion(t testing.TB) (*model.Model, []float64) {
	t.Helper()
	schema := dataset.Iris()
	table := read(t, dataset.IrisCSV(), dataset.ScanOptions{Known: &schema})
	train, _ := dataset.NewSplit(table, seed, testSize).Rows(table)
	rows := table.Subset(train)
	m, err := model.Train(t.Context(), rows, autoSpec(t, rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, table.Row(0)
}

// autoSpec executes the plan of auto on rows for training and returns the spec it chooses.
func autoSpec(t testing.TB, rows *dataset.Table) model.Spec {
	t.Helper()
	base := model.Spec{Seed: seed}
	plan := PlanSpecs(AutoMethod, base, AutoSpecs(rows.Rows(), base))
	round := plan.Round()
	for i, spec := range round.Specs {
		cv := model.CrossValidation{Folds: DefaultCVFolds, Repeats: 1, Seed: seed}
		v, err := model.CrossValidate(t.Context(), rows, spec, cv, nil)
		if err != nil {
			t.Fatal(err)
		}
		round.Trials[i].Fits, round.Trials[i].Score = v.Fits, new(v.Scores[string(LogLoss)])
	}
	if plan.Next(round.Trials) {
		t.Fatal("auto plans a second round")
	}
	chosen, _ := plan.Choose()
	return chosen.Spec(base)
}
