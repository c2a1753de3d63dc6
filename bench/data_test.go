//go:build bench

package bench

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"iris/internal/dataset"
)

// data is a table with the rows of each of its folds.
type data struct {
	name  string
	table *dataset.Table
	folds [5]fold
}

// fold is the rows to train on and the rows to test on.
type fold struct{ train, test *dataset.Table }

// load reads a data set and its folds from dir.
func load(t *testing.T, dir, name string) data {
	t.Helper()
	d, err := read(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(dir, name string) (data, error) {
	file, err := os.Open(filepath.Join(dir, name+".csv"))
	if err != nil {
		return data{}, err
	}
	defer file.Close()
	table, _, err := dataset.Read(file, dataset.ScanOptions{})
	if err != nil {
		return data{}, fmt.Errorf("read %s: %w", name, err)
	}
	d := data{name: name, table: table}
	of, err := readFolds(filepath.Join(dir, name+"_folds.csv"), table.Rows())
	if err != nil {
		return data{}, err
	}
	var train, test [5][]int
	for row, of := range of {
		for k := range train {
			if k == of {
				test[k] = append(test[k], row)
			} else {
				train[k] = append(train[k], row)
			}
		}
	}
	for k := range d.folds {
		d.folds[k] = fold{table.Subset(train[k]), table.Subset(test[k])}
	}
	return d, nil
}

// readFolds returns the fold of each row.
func readFolds(path string, rows int) ([]int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(lines) != rows+1 {
		return nil, fmt.Errorf("%s has %d lines, want a header and %d rows", path, len(lines), rows)
	}
	folds := make([]int, rows)
	for _, line := range lines[1:] {
		row, err := strconv.Atoi(line[0])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if folds[row], err = strconv.Atoi(line[1]); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	return folds, nil
}
