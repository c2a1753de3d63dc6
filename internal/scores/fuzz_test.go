package scores_test

import (
	"testing"

	"iris/internal/scores"
)

// fuzzed returns a layout with keys, labels and classes of many kinds.
func fuzzed(format scores.Format, probabilities bool) scores.Layout {
	return scores.Layout{
		Format:        format,
		Keys:          []string{"id", "a,b"},
		Classes:       []string{"a", `b"`, "c,d"},
		Probabilities: probabilities,
	}
}

// fuzzReader checks that a reader does not panic, and that it accepts the rows that it read if they are written again.
func fuzzReader(f *testing.F, format scores.Format) {
	for _, probabilities := range []bool{true, false} {
		l := fuzzed(format, probabilities)
		f.Add(written(f, l, randomRows(l, 3, 1)), probabilities)
		f.Add(written(f, l, randomRows(l, 1, 2)), probabilities)
	}
	f.Fuzz(func(t *testing.T, data []byte, probabilities bool) {
		l := fuzzed(format, probabilities)
		r, err := newReader(l, data)
		if err != nil {
			return
		}
		rows, err := readAll(r)
		if err != nil {
			return
		}
		l.Format = scores.CSV // CSV keeps text that is not UTF-8
		wantRest(t, reader(t, l, written(t, l, rows)), rows)
	})
}

func FuzzReader_csv(f *testing.F)     { fuzzReader(f, scores.CSV) }
func FuzzReader_jsonl(f *testing.F)   { fuzzReader(f, scores.JSONL) }
func FuzzReader_parquet(f *testing.F) { fuzzReader(f, scores.Parquet) }

// FuzzKeys writes and reads arbitrary text.
func FuzzKeys(f *testing.F) {
	for _, text := range awkward {
		f.Add(text, "17")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		rows := []scores.Row{
			{Keys: []string{a, b}, Label: 1, Probabilities: []float64{0, 1, 0}},
			{Keys: []string{b, a}, Label: 2, Probabilities: []float64{0.25, 0.25, 0.5}},
		}
		l := fuzzed(scores.CSV, true)
		wantRest(t, reader(t, l, written(t, l, rows)), rows)
		clean := make([]scores.Row, len(rows))
		for i, row := range rows {
			clean[i] = scores.Row{
				Keys:          []string{valid(row.Keys[0]), valid(row.Keys[1])},
				Label:         row.Label,
				Probabilities: row.Probabilities,
			}
		}
		for _, format := range []scores.Format{scores.JSONL, scores.Parquet} {
			l.Format = format
			wantRest(t, reader(t, l, written(t, l, rows)), clean)
		}
	})
}

// valid returns text with U+FFFD for each byte that is not UTF-8.
func valid(s string) string { return string([]rune(s)) }
