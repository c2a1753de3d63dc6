package partition_test

import (
	"bytes"
	"fmt"
	"log"
	"slices"

	"iris/internal/dataset"
	"iris/internal/partition"
)

// NewSplit holds rows out of training. Each class has rows on both sides, and a row that is held out once is held out
// of every later dataset.
func ExampleNewSplit() {
	table := bundledIris()
	train, test := partition.NewSplit(table, 42, 0.2).Rows(table)
	fmt.Println(len(train), "rows for training,", len(test), "held out")

	// A dataset without the first hundred rows holds the same rows out.
	var later []int
	for row := 100; row < table.Rows(); row++ {
		later = append(later, row)
	}
	rest := table.Subset(later)
	_, again := partition.Split{Seed: 42, TestSize: 0.2}.Rows(rest)
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
	for i, fold := range partition.Folds(table, 5, 42) {
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
