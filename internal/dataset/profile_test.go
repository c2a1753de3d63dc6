package dataset_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// Profiling a row allocates nothing: one allocation per row would add up to 20,000.
func TestScan_allocations(t *testing.T) {
	few, many := scanned(1000), scanned(21000)
	allocations := func(csv string) float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if a, b := allocations(few), allocations(many); b-a > 20000*1.1 {
		t.Errorf("%.0f allocations for 1,000 rows, %.0f for 21,000: more than the one of encoding/csv per row", a, b)
	}
}

// scanned scans a CSV with the given number of rows.
func scanned(rows int) string {
	r := rand.New(rand.NewPCG(5, 6))
	var csv strings.Builder
	csv.WriteString("a,b,c,d,label\n")
	for i := range rows {
		fmt.Fprintf(
			&csv,
			"%.3f,%.1f,%d,%.6g,%c\n",
			r.NormFloat64(),
			100*r.Float64(),
			r.IntN(1000),
			r.ExpFloat64(),
			'x'+rune(i%3),
		)
	}
	return csv.String()
}

func BenchmarkScan(b *testing.B) {
	const rows = 20000
	csv := scanned(rows)
	b.SetBytes(int64(len(csv)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dataset.Scan(io.NopCloser(strings.NewReader(csv)), dataset.ScanOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const rows = 20000
	csv := scanned(rows)
	b.SetBytes(int64(len(csv)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{Rows: rows}); err != nil {
			b.Fatal(err)
		}
	}
}
