package partition_test

import (
	"reflect"
	"slices"
	"testing"

	"iris/internal/partition"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// counts are the rows by class.
func counts(t *dataset.Table, rows []int) []int {
	n := make([]int, len(t.Schema.Classes))
	for _, row := range rows {
		n[t.Y[row]]++
	}
	return n
}

func TestFolds(t *testing.T) {
	for name, csv := range map[string][]byte{
		"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast cancer": datasettest.BreastCancer(),
	} {
		t.Run(name, func(t *testing.T) {
			table := read(t, csv)
			all := make([]int, table.Rows())
			for i := range all {
				all[i] = i
			}
			for _, k := range []int{2, 5, 10} {
				folds := partition.Folds(table, k, 42)
				if len(folds) != k || !reflect.DeepEqual(folds, partition.Folds(table, k, 42)) {
					t.Fatalf("%d folds, want %d and the same ones twice", len(folds), k)
				}
				if joined := slices.Sorted(slices.Values(slices.Concat(folds...))); !slices.Equal(joined, all) {
					t.Errorf("%d folds hold %d rows, want each of the %d once", k, len(joined), len(all))
				}
				total := counts(table, all)
				for f, fold := range folds {
					for class, n := range counts(table, fold) {
						// One row of duplicates may put a fold off by one.
						if low, high := total[class]/k-1, total[class]/k+2; n < low || n > high {
							t.Errorf("fold %d of %d has %d rows of class %d, want %d to %d", f, k, n, class, low, high)
						}
					}
					if even := table.Rows() / k; len(fold) < even-2 || len(fold) > even+3 {
						t.Errorf("fold %d of %d has %d rows, want about %d", f, k, len(fold), even)
					}
				}
			}
			if reflect.DeepEqual(partition.Folds(table, 5, 42), partition.Folds(table, 5, 43)) {
				t.Error("two seeds give the same folds")
			}
		})
	}
}

func TestFolds_duplicatesStayTogether(t *testing.T) {
	table := &dataset.Table{Schema: dataset.Schema{Features: []string{"x"}, Classes: []string{"a", "b"}}}
	for i := range 300 {
		table.X = append(table.X, float64(i%30))
		table.Y = append(table.Y, i%7%2) // equal rows of different classes, too
	}
	foldOf := map[float64]int{}
	for f, fold := range partition.Folds(table, 4, 1) {
		if len(fold) < 60 {
			t.Errorf("fold %d has %d rows of 300, want about 75", f, len(fold))
		}
		for _, row := range fold {
			if other, seen := foldOf[table.X[row]]; seen && other != f {
				t.Fatalf("rows of value %v are in folds %d and %d", table.X[row], other, f)
			}
			foldOf[table.X[row]] = f
		}
	}
}

func TestFolds_fewerDistinctRowsThanFolds(t *testing.T) {
	table := &dataset.Table{
		Schema: dataset.Schema{Features: []string{"x"}, Classes: []string{"a", "b"}},
		X:      []float64{1, 2, 1, 2},
		Y:      []int{0, 1, 0, 1},
	}
	full := 0
	for _, fold := range partition.Folds(table, 3, 1) {
		if len(fold) > 0 {
			full++
		}
	}
	if full != 2 {
		t.Errorf("two distinct rows fill %d folds, want 2", full)
	}
}

func TestSample(t *testing.T) {
	table := read(t, datasettest.Wine())
	var smaller []int
	for _, share := range []float64{0, 0.1, 1.0 / 3, 0.9, 1} {
		sample := partition.Sample(table, share, 42)
		if !slices.Equal(sample, partition.Sample(table, share, 42)) || !slices.IsSorted(sample) {
			t.Errorf("share %v: two samples differ, or are not in table order", share)
		}
		for class, n := range counts(table, sample) {
			of := counts(table, partition.Sample(table, 1, 42))[class]
			if want := max(1, int(share*float64(of)+0.5)); n != want {
				t.Errorf("share %v has %d rows of class %d, want %d of %d", share, n, class, want, of)
			}
		}
		for _, row := range smaller {
			if !slices.Contains(sample, row) {
				t.Errorf("share %v lacks row %d of the smaller sample", share, row)
			}
		}
		smaller = sample
	}
	if len(smaller) != table.Rows() {
		t.Errorf("all of it is %d rows of %d", len(smaller), table.Rows())
	}
}

func TestStrata(t *testing.T) {
	table := table(3,
		[2]float64{1, 0}, [2]float64{2, 0}, [2]float64{3, 0}, [2]float64{4, 0}, [2]float64{5, 0},
		[2]float64{1, 1}, [2]float64{1, 1}, [2]float64{6, 1}, [2]float64{7, 1},
		[2]float64{8, 2})
	for limit, want := range map[int]int{2: 2, 3: 3, 5: 3} {
		if got := partition.Strata(table, limit); got != want {
			t.Errorf("up to %d: got %d, want %d", limit, got, want)
		}
	}
	if got := partition.Strata(table.Subset([]int{0, 1}), 5); got != 0 {
		t.Errorf("one class: got %d, want 0", got)
	}
}
