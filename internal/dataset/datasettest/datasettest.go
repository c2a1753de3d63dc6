// Package datasettest holds data that the tests of several packages share: classic datasets with their folds, and a
// table of bad CSVs. Only tests import it.
package datasettest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"

	"iris/internal/dataset"
	"iris/internal/dataset/testdata"
)

// Iris returns the iris data. Its rows are those of dataset.IrisCSV, with the classes numbered 0, 1 and 2.
func Iris() []byte { return file("iris.csv") }

// Wine returns the wine data: 178 rows, 13 features, classes 0, 1 and 2.
func Wine() []byte { return file("wine.csv") }

// BreastCancer returns Wisconsin's diagnostic data: 569 rows, 30 features, classes 0 (malignant) and 1 (benign).
func BreastCancer() []byte { return file("breast_cancer.csv") }

// Folds returns the fold, 0 to 4, of each row of "iris", "wine" or "breast_cancer". The folds are stratified.
func Folds(name string) []int {
	records, err := csv.NewReader(bytes.NewReader(file(name + "_folds.csv"))).ReadAll()
	must(err)
	folds := make([]int, len(records)-1)
	for i, record := range records[1:] {
		row, err := strconv.Atoi(record[0])
		must(err)
		folds[row], err = strconv.Atoi(records[i+1][1])
		must(err)
	}
	return folds
}

// UCIIris returns the iris data in the form of UCI's iris.data: without a header, with labels such as Iris-setosa,
// other values in rows 34 and 37 (from 0), and an empty last line.
func UCIIris() []byte {
	lines := bytes.SplitAfter(dataset.IrisCSV(), []byte("\n"))[1:]
	lines[34] = []byte("4.9,3.1,1.5,0.1,setosa\n")
	lines[37] = []byte("4.9,3.1,1.5,0.1,setosa\n")
	text := bytes.Join(append(lines, []byte("\n")), nil)
	for alias, class := range dataset.Iris().Aliases {
		text = bytes.ReplaceAll(text, []byte(","+class+"\n"), []byte(","+alias+"\n"))
	}
	return text
}

func file(name string) []byte {
	data, err := testdata.Files.ReadFile(name)
	must(err)
	return data
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("broken test data: %v", err))
	}
}
