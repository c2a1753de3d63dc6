package scores_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"

	"iris/internal/scores"
)

// The benchmarks use the rows of a forest of a hundred trees, and of a model whose probabilities have all digits.
func benchmarkRows(digits string) (keys [][][]byte, labels []int, probabilities [][]float64) {
	const rows = 1 << 10
	for i := range rows {
		keys = append(keys, [][]byte{[]byte("customer-" + strconv.Itoa(i))})
		labels = append(labels, i%3)
		p := []float64{float64(i%100) / 100, float64((100-i%100)/2) / 100, 0}
		if digits == "all" {
			p = []float64{1 / float64(i+3), 1 / float64(i+7), 0.1234567890123}
		}
		probabilities = append(probabilities, p)
	}
	return keys, labels, probabilities
}

func benchmarkLayout(format scores.Format) scores.Layout {
	return scores.Layout{
		Format:        format,
		Keys:          []string{"customer"},
		Classes:       []string{"setosa", "versicolor", "virginica"},
		Probabilities: true,
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range scores.Formats() {
		for _, digits := range []string{"few", "all"} {
			b.Run(fmt.Sprintf("format=%s/digits=%s", format, digits), func(b *testing.B) {
				keys, labels, probabilities := benchmarkRows(digits)
				w, err := benchmarkLayout(format).NewWriter(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					at := i % len(keys)
					if err := w.Write(keys[at], labels[at], probabilities[at]); err != nil {
						b.Fatal(err)
					}
					i++
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, format := range scores.Formats() {
		b.Run(fmt.Sprintf("format=%s", format), func(b *testing.B) {
			data := benchmarkFile(b, format, 20_000)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			rows := 0
			for b.Loop() {
				r := reader(b, benchmarkLayout(format), data)
				var row scores.Row
				for {
					if err := r.Read(&row); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					rows++
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	l := benchmarkLayout(scores.Parquet)
	data := benchmarkFile(b, scores.Parquet, 100_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	j, err := l.NewJoiner(io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	const most = 30_000 // row groups of a file
	for i := 0; b.Loop(); i++ {
		if i%most == most-1 {
			if j, err = l.NewJoiner(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		if err := j.Append(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchmarkFile(b *testing.B, format scores.Format, rows int) []byte {
	b.Helper()
	keys, labels, probabilities := benchmarkRows("few")
	var out bytes.Buffer
	w, err := benchmarkLayout(format).NewWriter(&out)
	if err != nil {
		b.Fatal(err)
	}
	for i := range rows {
		at := i % len(keys)
		if err := w.Write(keys[at], labels[at], probabilities[at]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkAppendNumber(b *testing.B) {
	for digits, numbers := range map[string][]float64{
		"few": {
			0.37, 0.04, 1, 0, 0.125, 0.5, 0.333, 0.0025,
		}, "all": {
			1. / 3, 1. / 7, 0.1234567890123, 2. / 3, 1. / 11, 1. / 13,
			1. / 17, 1. / 19,
		},
	} {
		for name, format := range map[string]func([]byte, float64) []byte{
			"scores":  scores.AppendNumber,
			"strconv": func(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'f', -1, 64) },
		} {
			b.Run(fmt.Sprintf("digits=%s/by=%s", digits, name), func(b *testing.B) {
				var buffer [32]byte
				i := 0
				for b.Loop() {
					format(buffer[:0], numbers[i%len(numbers)])
					i++
				}
			})
		}
	}
}
