// Package datasettest holds data that the tests of several packages share: the classic datasets with their folds, and
// the table of CSVs nobody may accept. Only tests import it.
package datasettest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"

	"iris/internal/dataset"
	"iris/internal/dataset/testdata"
)

// Iris is the iris data with its classes numbered 0, 1 and 2, unlike dataset.IrisCSV, whose rows are the same.
func Iris() []byte { return file("iris.csv") }

// Wine is the wine data: 178 rows, 13 features, classes 0, 1 and 2.
func Wine() []byte { return file("wine.csv") }

// BreastCancer is Wisconsin's diagnostic data: 569 rows, 30 features, classes 0 (malignant) and 1.
func BreastCancer() []byte { return file("breast_cancer.csv") }

// Folds gives the fold, 0 to 4, of each row of "iris", "wine" or "breast_cancer". The folds are stratified.
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

// UCIIris is the iris data as UCI's iris.data has it: no header, labels such as Iris-setosa, other values in rows 34
// and 37 (from 0), an empty last line.
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
