package activities

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// fitted returns a model of the iris data.
func fitted(t testing.TB, algorithm model.Algorithm) *model.Model {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := model.Spec{Algorithm: algorithm, Seed: 42}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return trained(t, table, spec)
}

func trained(t testing.TB, table *dataset.Table, spec model.Spec) *model.Model {
	t.Helper()
	m, err := model.Train(t.Context(), table, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// shardOf returns a shard of n rows. One row in a thousand is bad.
func shardOf(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for i := range n {
		if i%1000 == 999 {
			b.WriteString("5.1,x,1.4,0.2\n")
			continue
		}
		fmt.Fprintf(
			&b,
			"%.2f,%.2f,%.2f,%.2f\n",
			4+4*random.Float64(),
			2+2*random.Float64(),
			1+5*random.Float64(),
			2*random.Float64(),
		)
	}
	return b.Bytes()
}

// discarding returns a file of bad rows that nobody reads.
func discarding() *badRows {
	return &badRows{out: &sink{out: bufio.NewWriter(io.Discard)}}
}

func scoreInMemory(t testing.TB, m *model.Model, format scores.Format, data []byte) ScoredShard {
	t.Helper()
	schema := m.Schema()
	p := &batchPlan{
		Columns: rows.Columns{Features: schema.Features},
		Layout:  scores.Layout{Format: format, Classes: schema.Classes, Probabilities: true},
	}
	s := shardScorer{
		model: m, bad: discarding(), report: func(int64) {},
		reader: rows.NewCSV(bytes.NewReader(data), p.Columns, rows.Header{Cells: 4, Features: []int{0, 1, 2, 3}}, 2),
	}
	if err := s.run(t.Context(), p, io.Discard); err != nil {
		t.Fatal(err)
	}
	return s.result
}

// The memory of a shard does not grow with its rows, so a shard may have any length.
func TestScoreShard_memoryDoesNotGrowWithRows(t *testing.T) {
	m := fitted(t, model.LogisticRegression)
	for format, limit := range map[scores.Format]int64{scores.CSV: 600 << 10, scores.JSONL: 600 << 10} {
		measure := func(n int) (allocations, bytes int64) {
			data := shardOf(n)
			score := func() {
				if s := scoreInMemory(t, m, format, data); s.Rows != int64(n-n/1000) || s.BadRows != int64(n/1000) {
					t.Fatalf("%+v of %d rows", s, n)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			score()
			runtime.ReadMemStats(&after)
			return int64(testing.AllocsPerRun(2, score)), int64(after.TotalAlloc - before.TotalAlloc)
		}
		small, _ := measure(2_000)
		large, bytes := measure(40_000)
		// A bad row may allocate its description. A good row allocates nothing.
		if perRow := float64(large-small-10*38) / 38_000; perRow > 0.001 {
			t.Errorf("%s: %d allocations for 2,000 rows and %d for 40,000, want none per row", format, small, large)
		}
		if bytes > limit {
			t.Errorf("%s: %d bytes for a shard, want at most %d", format, bytes, limit)
		}
	}
}

func BenchmarkScoreShard(b *testing.B) {
	const n = 100_000
	data := shardOf(n)
	for _, algorithm := range []model.Algorithm{model.LogisticRegression, model.RandomForest} {
		m := fitted(b, algorithm)
		for _, format := range scores.Formats() {
			b.Run(fmt.Sprintf("%s/%s", algorithm, format), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					scoreInMemory(b, m, format, data)
				}
				b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkScoreShard_census scores a shard with the shape of Adult, texts and gaps included, with one core.
func BenchmarkScoreShard_census(b *testing.B) {
	const n = 100_000
	data := datasettest.Census(n)
	table, _, err := dataset.Read(bytes.NewReader(data), dataset.ScanOptions{})
	if err != nil {
		b.Fatal(err)
	}
	spec, err := model.Spec{Algorithm: model.GBDT}.Resolve()
	if err != nil {
		b.Fatal(err)
	}
	m := trained(b, table, spec)
	schema := m.Schema()
	p := &batchPlan{
		Columns: rows.Columns{Features: schema.Features, Cells: dataset.CellsOf(schema, dataset.UnseenOther)},
		Layout:  scores.Layout{Format: scores.CSV, Classes: schema.Classes, Probabilities: true},
	}
	header := rows.Header{Cells: len(schema.Features) + 1}
	for i := range schema.Features {
		header.Features = append(header.Features, i)
	}
	_, body, _ := bytes.Cut(data, []byte("\n"))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		s := shardScorer{
			model: m, bad: discarding(), report: func(int64) {},
			reader: rows.NewCSV(bytes.NewReader(body), p.Columns, header, 2),
		}
		if err := s.run(b.Context(), p, io.Discard); err != nil || s.result.Rows != n {
			b.Fatalf("%+v, %v", s.result, err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}

// A shard counts the missing values of its scored rows, and the texts that training did not see.
func TestScoreShard_countsGaps(t *testing.T) {
	spec, err := model.Spec{Algorithm: model.GBDT}.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	m := trained(t, datasettest.VisitsTable(300), spec)
	schema := m.Schema()
	const data = "31,7.5,yes,Rome,7.0,1970-01-03\n40,,0,Oslo,,\n1,2,perhaps,Bern,,\n5,1,no,Rome,9,\n"
	for onUnseen, want := range map[dataset.OnUnseen]ScoredShard{
		dataset.UnseenOther: {
			Rows: 3, BadRows: 1, Unseen: 2, Missing: 4,
			FirstBad: `line 4, column "member": "perhaps" is neither true nor false`,
		},
		dataset.UnseenError: {Rows: 1, BadRows: 3, FirstBad: `line 3, column "city": "Oslo" was not seen in training`},
	} {
		p := &batchPlan{
			Columns: rows.Columns{Features: schema.Features, Cells: dataset.CellsOf(schema, onUnseen)},
			Layout:  scores.Layout{Format: scores.CSV, Classes: schema.Classes, Probabilities: true},
		}
		s := shardScorer{
			model: m, bad: discarding(), report: func(int64) {},
			reader: rows.NewCSV(strings.NewReader(data), p.Columns,
				rows.Header{Cells: 6, Features: []int{0, 1, 2, 3, 4, 5}}, 2),
		}
		var out bytes.Buffer
		if err := s.run(t.Context(), p, &out); err != nil {
			t.Fatal(err)
		}
		if s.result != want {
			t.Errorf("%q: %+v, want %+v", onUnseen, s.result, want)
		}
		if lines := int64(bytes.Count(out.Bytes(), []byte("\n"))); lines != want.Rows {
			t.Errorf("%q: %d results, want %d", onUnseen, lines, want.Rows)
		}
	}
}
