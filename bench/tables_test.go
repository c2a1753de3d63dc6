//go:build bench

package bench

import (
	"bytes"
	"cmp"
	_ "embed" // tables.py
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// The sides of the tables. Iris's own come first, then the boosters, and FLAML, which takes a time, last.
var (
	tableSides = []string{"gbdt", "auto", "LightGBM", "CatBoost", "HistGradientBoosting", "FLAML"}
	boosters   = tableSides[2:5]
)

// outcome is a fit on one fold. One and Row are known on the first fold only.
type outcome struct {
	Seconds  float64 `json:"seconds"`
	CPU      float64 `json:"cpu"`
	One      float64 `json:"one"` // seconds of CPU time for a row that comes alone
	Row      float64 `json:"row"` // the same for one row of many
	LogLoss  float64 `json:"log_loss"`
	AUC      float64 `json:"auc"`
	Accuracy float64 `json:"accuracy"`
}

// compared is a table with the outcomes of each side, one per fold.
type compared struct {
	data  data
	sides map[string][]outcome
}

// tablesRun says how much a run measures.
type tablesRun struct {
	folds, automlFolds, seconds, threads int
	sides                                []string
}

// TestBenchTables fits public tables with texts and gaps. On each fold the sides take turns. The page has the tables
// that are done, so a run that is ended early leaves them.
func TestBenchTables(t *testing.T) {
	r := tablesRun{
		folds: setting(t, "BENCH_FOLDS", 5), automlFolds: setting(t, "BENCH_AUTOML_FOLDS", 1),
		seconds: setting(t, "BENCH_AUTOML_SECONDS", 60), threads: setting(t, "BENCH_THREADS", threads),
		sides: listed("BENCH_SIDES", tableSides),
	}
	runtime.GOMAXPROCS(r.threads)
	dir := t.TempDir()
	t.Setenv("OMP_NUM_THREADS", strconv.Itoa(r.threads))
	peers := startScript(t, testenv.Programs(t, stack.Tables).Tables, tablesScript, dir)
	files, err := filepath.Glob(filepath.Join(dir, "*_folds.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), "_folds.csv"))
	}
	var sets []compared
	for _, name := range listed("BENCH_TABLES", names) {
		c := compared{load(t, dir, name), map[string][]outcome{}}
		for fold := range r.folds {
			for _, side := range r.sides {
				if side == "FLAML" && fold >= r.automlFolds {
					continue
				}
				var o outcome
				if side == "gbdt" || side == "auto" {
					o = fitTable(t, side, c.data.folds[fold], fold == 0)
				} else {
					peers.send(t, map[string]any{
						"data": name, "peer": side, "fold": fold, "seconds": r.seconds, "threads": r.threads, "score": fold == 0,
					})
					peers.read(t, &o)
				}
				t.Logf("%s, fold %d, %s: %+v", name, fold, side, o)
				c.sides[side] = append(c.sides[side], o)
			}
		}
		sets = append(sets, c)
		writeSection(t, "bench-tables", r.page(machine(t, peers.versions), sets))
	}
}

// listed returns a list from the environment, with commas.
func listed(name string, fallback []string) []string {
	if text := os.Getenv(name); text != "" {
		return strings.Split(text, ",")
	}
	return fallback
}

// fitTable fits a side of Iris.
func fitTable(t *testing.T, side string, f fold, score bool) outcome {
	t.Helper()
	start, cpu := time.Now(), cpuTime(t)
	spec := model.Spec{Algorithm: model.GBDT, Seed: 42}
	if side == "auto" {
		spec = chooseByAuto(t, f)
	}
	m, err := model.Train(t.Context(), f.train, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{Seconds: time.Since(start).Seconds(), CPU: (cpuTime(t) - cpu).Seconds()}
	metrics, err := model.Evaluate(m, f.test)
	if err != nil {
		t.Fatal(err)
	}
	o.LogLoss, o.AUC, o.Accuracy = metrics.LogLoss, metrics.AUC, metrics.Accuracy
	if score {
		rows, classes := f.test.Rows(), len(f.test.Schema.Classes)
		labels, p := make([]int, rows), make([]float64, rows*classes)
		o.One = cost(t, 1, func() { m.Predict(f.test.Row(0), p[:classes]) })
		o.Row = cost(t, rows, func() { m.PredictRows(f.test.X, labels, p) })
	}
	return o
}

// cost returns the seconds of CPU time of a row: the least of several runs, each of them long enough for the clock.
func cost(t *testing.T, rows int, score func()) float64 {
	t.Helper()
	least := math.Inf(1)
	for range 3 {
		n := 0
		start, took := cpuTime(t), time.Duration(0)
		for took < 200*time.Millisecond {
			for range max(1, 1000/rows) {
				score()
				n += rows
			}
			took = cpuTime(t) - start
		}
		least = min(least, took.Seconds()/float64(n))
	}
	return least
}

// cpuTime returns the CPU time of this process.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
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

// page returns the section of the tables.
func (r tablesRun) page(machine string, sets []compared) string {
	var b bytes.Buffer
	b.WriteString(machine)
	fmt.Fprintf(
		&b,
		"| run | %d of 5 folds, FLAML %d s on %d, threads: %d |\n",
		r.folds,
		r.seconds,
		r.automlFolds,
		r.threads,
	)
	for _, m := range []struct {
		title string
		of    func(outcome) float64
		form  string
	}{
		{"Log loss", func(o outcome) float64 { return o.LogLoss }, "%.4f"},
		{"AUC", func(o outcome) float64 { return o.AUC }, "%.4f"},
		{"Accuracy", func(o outcome) float64 { return o.Accuracy }, "%.4f"},
		{"Fit, seconds of CPU time", func(o outcome) float64 { return o.CPU }, "%.2f"},
		{"Fit, elapsed seconds", func(o outcome) float64 { return o.Seconds }, "%.2f"},
	} {
		r.table(&b, sets, m.title, func(c compared, side string) string { return fmt.Sprintf(m.form, c.mean(side, m.of)) })
	}
	r.table(&b, sets, "A row that comes alone, µs of CPU time", func(c compared, side string) string {
		return digits(c.sides[side][0].One * 1e6)
	})
	r.table(&b, sets, "Many rows, thousands per second of CPU time", func(c compared, side string) string {
		return digits(1e-3 / c.sides[side][0].Row)
	})
	r.ranks(&b, sets)
	return b.String()
}

// digits formats a number with at least three digits and without an exponent.
func digits(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.3g", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// table writes one figure of all tables and sides.
func (r tablesRun) table(b *bytes.Buffer, sets []compared, title string, figure func(compared, string) string) {
	fmt.Fprintf(b, "\n### %s\n\n| table | rows | features | classes | %s |\n", title, strings.Join(r.sides, " | "))
	b.WriteString(strings.Repeat("| --- ", 4+len(r.sides)) + "|\n")
	for _, c := range sets {
		schema := c.data.table.Schema
		fmt.Fprintf(b, "| %s | %d | %d | %d |", c.data.name, c.data.table.Rows(), len(schema.Features), len(schema.Classes))
		for _, side := range r.sides {
			fmt.Fprintf(b, " %s |", figure(c, side))
		}
		b.WriteString("\n")
	}
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
func (r tablesRun) ranks(b *bytes.Buffer, sets []compared) {
	total, wins, worst := map[string]float64{}, 0, 0.0
	loss := func(o outcome) float64 { return o.LogLoss }
	for _, c := range sets {
		sides := slices.Clone(r.sides)
		slices.SortStableFunc(
			sides,
			func(x, y string) int { return cmp.Compare(c.sides[x][0].LogLoss, c.sides[y][0].LogLoss) },
		)
		for i, side := range sides {
			total[side] += float64(i+1) / float64(len(sets))
		}
		best := math.Inf(1)
		for _, side := range boosters {
			if len(c.sides[side]) > 0 {
				best = min(best, c.mean(side, loss))
			}
		}
		ratio := c.mean("gbdt", loss) / best
		worst = max(worst, ratio)
		if ratio <= 1 {
			wins++
		}
	}
	fmt.Fprint(b, "\n### Ranks by log loss on the first fold\n\n| side | mean rank |\n| --- | --- |\n")
	for _, side := range r.sides {
		fmt.Fprintf(b, "| %s | %.2f |\n", side, total[side])
	}
	fmt.Fprintf(
		b,
		"\nThe log loss of gbdt is at most that of the best of the three boosters on %d of %d tables,\n"+
			"and at worst %.3f times as high.\n",
		wins,
		len(sets),
		worst,
	)
}
