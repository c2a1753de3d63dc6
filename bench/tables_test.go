//go:build bench

package bench

import (
	"bytes"
	_ "embed" // tables.py
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/partition"
	"iris/internal/search"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
)

//go:embed tables.py
var tablesScript string

// The sides of the tables. Iris's own come first, and FLAML, which takes a time, last.
var tableSides = []string{"gbdt", "auto", "LightGBM", "CatBoost", "HistGradientBoosting", "FLAML"}

// outcome is a fit on one fold.
type outcome struct {
	Seconds  float64 `json:"seconds"`
	LogLoss  float64 `json:"log_loss"`
	AUC      float64 `json:"auc"`
	Accuracy float64 `json:"accuracy"`
}

// compared is a table with the outcomes of each side, one per fold.
type compared struct {
	data  data
	sides map[string][]outcome
}

// TestBenchTables fits public tables with texts and gaps. On each fold the sides take turns.
func TestBenchTables(t *testing.T) {
	runtime.GOMAXPROCS(threads)
	folds, automlFolds := setting(t, "BENCH_FOLDS", 5), setting(t, "BENCH_AUTOML_FOLDS", 1)
	seconds := setting(t, "BENCH_AUTOML_SECONDS", 60)
	dir := t.TempDir()
	peers := startScript(t, testenv.Programs(t, stack.Tables).Tables, tablesScript, dir)
	files, err := filepath.Glob(filepath.Join(dir, "*_folds.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var sets []compared
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "_folds.csv")
		c := compared{load(t, dir, name), map[string][]outcome{}}
		for fold := range folds {
			for _, side := range tableSides {
				if side == "FLAML" && fold >= automlFolds {
					continue
				}
				var o outcome
				if side == "gbdt" || side == "auto" {
					o = fitTable(t, side, c.data.folds[fold])
				} else {
					peers.send(t, map[string]any{"data": name, "peer": side, "fold": fold, "seconds": seconds})
					peers.read(t, &o)
				}
				t.Logf("%s, fold %d, %s: %+v", name, fold, side, o)
				c.sides[side] = append(c.sides[side], o)
			}
		}
		sets = append(sets, c)
	}
	writeSection(t, "bench-tables", tablesPage(machine(t, peers.versions), sets, folds, automlFolds, seconds))
}

// fitTable fits a side of Iris.
func fitTable(t *testing.T, side string, f fold) outcome {
	t.Helper()
	start := time.Now()
	spec := model.Spec{Algorithm: model.GBDT, Seed: 42}
	if side == "auto" {
		spec = chooseByAuto(t, f)
	}
	m, err := model.Train(t.Context(), f.train, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start).Seconds()
	metrics, err := model.Evaluate(m, f.test)
	if err != nil {
		t.Fatal(err)
	}
	return outcome{took, metrics.LogLoss, metrics.AUC, metrics.Accuracy}
}

// chooseByAuto runs the trials of auto, one after the other.
func chooseByAuto(t *testing.T, f fold) model.Spec {
	t.Helper()
	base := model.Spec{Seed: 42}
	size := search.AutoSize{Rows: f.train.Rows(), Train: f.train.Rows(), Classes: len(f.train.Schema.Classes)}
	plan := search.PlanAuto(base, search.AutoSpecs(base, size), size)
	for more := true; more; {
		round := plan.Round()
		for i, spec := range round.Specs {
			part := f.train
			if round.Share < 1 {
				part = part.Subset(partition.Sample(part, round.Share, 42))
			}
			cv := model.CrossValidation{Folds: search.DefaultCVFolds, Repeats: 1, Seed: 42}
			v, err := model.CrossValidate(t.Context(), part, spec, cv, nil)
			if err != nil {
				t.Logf("%s: %v", spec.Algorithm, err)
				continue
			}
			round.Trials[i].Succeed(v, search.LogLoss)
		}
		more = plan.Next(round.Trials)
	}
	chosen, reason := plan.Choose()
	t.Log(reason)
	return chosen.Spec(base)
}

// tablesPage returns the section of the tables.
func tablesPage(machine string, sets []compared, folds, automlFolds, seconds int) string {
	var b bytes.Buffer
	b.WriteString(machine)
	fmt.Fprintf(&b, "| folds | %d of 5, FLAML with %d s on %d |\n", folds, seconds, automlFolds)
	for _, m := range []struct {
		title string
		of    func(outcome) float64
		form  string
	}{
		{"Log loss", func(o outcome) float64 { return o.LogLoss }, "%.4f"},
		{"AUC", func(o outcome) float64 { return o.AUC }, "%.4f"},
		{"Accuracy", func(o outcome) float64 { return o.Accuracy }, "%.4f"},
		{"Fit, seconds", func(o outcome) float64 { return o.Seconds }, "%.2f"},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| table | rows | features | classes | `gbdt` | `auto` | %s |\n", m.title,
			strings.Join(tableSides[2:], " | "))
		b.WriteString(strings.Repeat("| --- ", 4+len(tableSides)) + "|\n")
		for _, c := range sets {
			schema := c.data.table.Schema
			fmt.Fprintf(&b, "| %s | %d | %d | %d |", c.data.name, c.data.table.Rows(), len(schema.Features), len(schema.Classes))
			for _, side := range tableSides {
				fmt.Fprintf(&b, " "+m.form+" |", c.mean(side, m.of))
			}
			b.WriteString("\n")
		}
	}
	ranks(&b, sets)
	return b.String()
}

// mean returns the mean of a metric over the folds of a side.
func (c compared) mean(side string, of func(outcome) float64) float64 {
	var values []float64
	for _, o := range c.sides[side] {
		values = append(values, of(o))
	}
	return mean(values)
}

// ranks writes the mean rank of each side by log loss on the first fold, which all sides have, and how gbdt stands
// against the boosters.
func ranks(b *bytes.Buffer, sets []compared) {
	total, wins, worst := map[string]float64{}, 0, 0.0
	loss := func(o outcome) float64 { return o.LogLoss }
	for _, c := range sets {
		sides := slices.Clone(tableSides)
		slices.SortStableFunc(sides, func(x, y string) int {
			if c.sides[x][0].LogLoss < c.sides[y][0].LogLoss {
				return -1
			}
			return 1
		})
		for i, side := range sides {
			total[side] += float64(i+1) / float64(len(sets))
		}
		best := math.Inf(1)
		for _, side := range tableSides[2:5] {
			best = min(best, c.mean(side, loss))
		}
		ratio := c.mean("gbdt", loss) / best
		worst = max(worst, ratio)
		if ratio <= 1 {
			wins++
		}
	}
	fmt.Fprint(b, "\n### Ranks by log loss on the first fold\n\n| side | mean rank |\n| --- | --- |\n")
	for _, side := range tableSides {
		fmt.Fprintf(b, "| %s | %.2f |\n", side, total[side])
	}
	fmt.Fprintf(
		b,
		"\nOver all folds, the log loss of `gbdt` is at most that of the best of the three boosters on %d of %d tables, "+
			"and at worst %.1f %% higher.\n",
		wins,
		len(sets),
		100*(worst-1),
	)
}
