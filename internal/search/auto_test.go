package search

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/partition"
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
			var tried []Trial
			best := Trial{Score: &model.Score{Mean: 1e9}}
			for _, algorithm := range model.Algorithms() {
				trial := tryGivenFolds(t, table, datasettest.Folds(name), algorithm)
				if trial.Score.Mean < best.Score.Mean {
					best = trial
				}
				if slices.Contains(candidates, algorithm) {
					tried = append(tried, trial)
				}
			}
			picked, reason := cheapest(Rank(tried, LogLoss), len(tried))
			t.Logf(
				"%s with accuracy %.4f, best %s with %.4f: %s",
				picked.Algorithm, picked.accuracy(), best.Algorithm, best.accuracy(), reason,
			)
			if picked.accuracy() < best.accuracy()-0.01 {
				t.Errorf("auto picks %s with an accuracy of %.4f, want at most .01 below that of the best, %s: %.4f",
					picked.Algorithm, picked.accuracy(), best.Algorithm, best.accuracy())
			}
		})
	}
}

// tryGivenFolds cross-validates a family with its defaults on five folds, given by row.
func tryGivenFolds(t *testing.T, table *dataset.Table, folds []int, algorithm model.Algorithm) Trial {
	t.Helper()
	var losses, accuracies []float64
	for out := range 5 {
		train, test := leaveOut(table, folds, out)
		metrics := fit(t, algorithm, train, test)
		losses, accuracies = append(losses, metrics.LogLoss), append(accuracies, metrics.Accuracy)
	}
	return trialOf(algorithm, losses, accuracies)
}

// trialOf returns a successful trial with these values per fit.
func trialOf(algorithm model.Algorithm, losses, accuracies []float64) Trial {
	trial := Trial{Name: string(algorithm), Algorithm: algorithm}
	trial.Succeed(model.Validated{
		Fits: len(losses), LogLoss: losses, Accuracy: accuracies,
		Scores: map[string]model.Score{string(LogLoss): scoreOf(losses), string(Accuracy): scoreOf(accuracies)},
	}, LogLoss)
	return trial
}

// scoreOf returns the mean and the sample standard deviation of values.
func scoreOf(values []float64) (s model.Score) {
	for _, v := range values {
		s.Mean += v / float64(len(values))
	}
	for _, v := range values {
		s.Std += (v - s.Mean) * (v - s.Mean) / float64(max(len(values)-1, 1))
	}
	s.Std = math.Sqrt(s.Std)
	return s
}

func TestCheapest(t *testing.T) {
	best := trialOf(model.GBDT, []float64{.40, .42, .44, .46}, []float64{.80, .82, .80, .82})
	for name, test := range map[string]struct {
		losses, accuracies []float64 // of logistic_regression, which is cheaper
		want               model.Algorithm
	}{
		"as good":                   {[]float64{.41, .41, .45, .45}, []float64{.82, .80, .82, .80}, model.LogisticRegression},
		"a higher loss in all fits": {[]float64{.41, .43, .45, .47}, []float64{.80, .82, .80, .82}, model.GBDT},
		"a higher loss, within the error": {
			[]float64{.38, .47, .42, .47}, []float64{.80, .82, .80, .82}, model.LogisticRegression,
		},
		"a higher loss, within an error that it causes": {
			[]float64{.38, .40, .42, .64}, []float64{.80, .82, .80, .82}, model.GBDT,
		},
		"as low a loss, less accurate": {[]float64{.42, .41, .44, .46}, []float64{.78, .79, .78, .79}, model.GBDT},
		"the same": {
			[]float64{.40, .42, .44, .46}, []float64{.80, .82, .80, .82}, model.LogisticRegression,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cheap := trialOf(model.LogisticRegression, test.losses, test.accuracies)
			got, reason := cheapest(Rank([]Trial{cheap, best}, LogLoss), 2)
			if got.Algorithm != test.want {
				t.Errorf("took %s because %q, want %s", got.Algorithm, reason, test.want)
			}
		})
	}
}

// TestCheapest_ofAnOlderVersion has trials without the values of their fits: a training that began before an update
// takes what the version before it would have taken.
func TestCheapest_ofAnOlderVersion(t *testing.T) {
	older := func(a model.Algorithm, loss, std float64) Trial {
		return Trial{Name: string(a), Algorithm: a, Fits: 5, Score: &model.Score{Mean: loss, Std: std}}
	}
	best := older(model.GBDT, .2, .0224)
	for loss, want := range map[float64]model.Algorithm{.209: model.LogisticRegression, .211: model.GBDT} {
		if got, reason := cheapest([]Trial{best, older(model.LogisticRegression, loss, .5)}, 2); got.Algorithm != want {
			t.Errorf("with a loss of %v: took %s because %q, want %s", loss, got.Algorithm, reason, want)
		}
	}
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
	train, _ := partition.NewSplit(table, seed, testSize).Rows(table)
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
	size := AutoSize{Rows: rows.Rows(), Train: rows.Rows(), Classes: len(rows.Schema.Classes)}
	plan := PlanAuto(base, AutoSpecs(base, size), size)
	round := plan.Round()
	for i, spec := range round.Specs {
		cv := model.CrossValidation{Folds: DefaultCVFolds, Repeats: 1, Seed: seed}
		v, err := model.CrossValidate(t.Context(), rows, spec, cv, nil)
		if err != nil {
			t.Fatal(err)
		}
		round.Trials[i].Succeed(v, LogLoss)
	}
	if plan.Next(round.Trials) {
		t.Fatal("auto plans a second round")
	}
	chosen, _ := plan.Choose()
	return chosen.Spec(base)
}
