package shift_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/partition"
	"iris/internal/shift"
)

func read(t *testing.T, csv []byte) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// columns returns the columns of the warnings about a split.
func columns(table *dataset.Table, seed uint64) []string {
	train, held := partition.NewSplit(table, seed, 0.25).Rows(table)
	var found []string
	for _, w := range shift.Find(table, train, held) {
		found = append(found, w.Column)
	}
	return found
}

func TestFind_splitByHash(t *testing.T) {
	for name, csv := range map[string][]byte{
		"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast cancer": datasettest.BreastCancer(),
	} {
		t.Run(name, func(t *testing.T) {
			table := read(t, csv)
			for seed := range uint64(300) {
				if got := columns(table, seed); got != nil {
					t.Errorf("seed %d: warnings about %q, want none", seed, got)
				}
			}
		})
	}
}

// A row that occurs many times is held out as a whole, or not at all.
func TestFind_equalRows(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("size,colour,noise,class\n")
	for i := range 150 {
		fmt.Fprintf(&csv, "%d,c%d,%d,%c\n", i, i%3, i*i%97, 'a'+rune(i%2))
	}
	csv.WriteString(strings.Repeat("900,,50,a\n", 150))
	table := read(t, []byte(csv.String()))
	for seed := range uint64(20) {
		if got := strings.Join(columns(table, seed), " "); !strings.Contains(got, "size") ||
			!strings.Contains(got, "colour") {
			t.Errorf("seed %d: warnings about %q, want size and colour among them", seed, got)
		}
	}
}

// The warnings name what differs, the largest difference first, and are few.
func TestFind_names(t *testing.T) {
	table := &dataset.Table{Schema: dataset.Schema{Label: "class", Classes: []string{"a", "b"}}}
	for i := range 30 {
		table.Schema.Features = append(table.Schema.Features, fmt.Sprintf("f%d", i))
	}
	var train, held []int
	for row := range 2000 {
		if table.Y = append(table.Y, row%2); row < 1000 {
			train = append(train, row)
		} else {
			held = append(held, row)
		}
		for i := range 30 {
			v := float64(row * (i + 7) % 1009)
			if i == 3 && row >= 1000 {
				v += 300
			}
			if i == 7 && row >= 1000 {
				v += 900
			}
			table.X = append(table.X, v)
		}
	}
	var got []string
	for _, w := range shift.Find(table, train, held) {
		got = append(got, w.Column)
		if w.Code != dataset.CodeShift || w.Severity != dataset.Alert || w.Message == "" {
			t.Errorf("warning %+v", w)
		}
	}
	if strings.Join(got, " ") != "f7 f3" {
		t.Errorf("warnings about %q, want f7 and f3", got)
	}
	if warnings := shift.Find(table, train, nil); warnings != nil {
		t.Errorf("without held-out rows: %v", warnings)
	}
}
