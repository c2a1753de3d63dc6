package dataset_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"

	"iris/internal/dataset"
)

// Scan reads a CSV once and returns its schema and its profile.
func ExampleScan() {
	const file = `length,width,species
1.4,0.2,setosa
1.3,0.2,setosa
4.7,1.4,versicolor
4.5,1.5,versicolor
`
	summary, err := dataset.Scan(strings.NewReader(file), dataset.ScanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("features", summary.Schema.Features, "label", summary.Schema.Label, "classes", summary.Schema.Classes)
	for _, c := range summary.Profile.Columns {
		fmt.Printf("%s: %g to %g\n", c.Name, c.Min, c.Max)
	}
	// Output:
	// features [length width] label species classes [setosa versicolor]
	// length: 1.3 to 4.7
	// width: 0.2 to 1.5
}

// A RowError says where a CSV breaks a rule.
func ExampleRowError() {
	const file = "length,width,species\n1.4,0.2,setosa\n4.7,wide,versicolor\n"
	options := dataset.ScanOptions{Columns: map[string]string{"width": "numeric"}}
	_, err := dataset.Scan(strings.NewReader(file), options)
	var bad *dataset.RowError
	if errors.As(err, &bad) {
		fmt.Println(bad.Line, bad.Column)
	}
	fmt.Println(err)
	// Output:
	// 3 width
	// line 3, column "width": "wide" is not a finite number
}

// NewSplit holds rows out of training. Each class has rows on both sides, and a row that is held out once is held out
// of every later dataset.
func ExampleNewSplit() {
	table := bundledIris()
	train, test := dataset.NewSplit(table, 42, 0.2).Rows(table)
	fmt.Println(len(train), "rows for training,", len(test), "held out")

	// A dataset without the first hundred rows holds the same rows out.
	var later []int
	for row := 100; row < table.Rows(); row++ {
		later = append(later, row)
	}
	rest := table.Subset(later)
	_, again := dataset.Split{Seed: 42, TestSize: 0.2}.Rows(rest)
	same := 0
	for _, row := range again {
		if slices.Contains(test, later[row]) {
			same++
		}
	}
	fmt.Println(len(again), "held out of the last 50 rows,", same, "of them before too")
	// Output:
	// 118 rows for training, 32 held out
	// 14 held out of the last 50 rows, 14 of them before too
}

// Folds divides rows for cross-validation. Each class is spread evenly over the folds.
func ExampleFolds() {
	table := bundledIris()
	for i, fold := range dataset.Folds(table, 5, 42) {
		classes := make([]int, len(table.Schema.Classes))
		for _, row := range fold {
			classes[table.Y[row]]++
		}
		fmt.Println("fold", i, classes)
	}
	// Output:
	// fold 0 [10 10 10]
	// fold 1 [10 10 10]
	// fold 2 [10 10 10]
	// fold 3 [10 10 10]
	// fold 4 [10 10 10]
}

func bundledIris() *dataset.Table {
	table, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return table
}
