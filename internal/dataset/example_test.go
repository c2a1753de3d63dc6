package dataset_test

import (
	"errors"
	"fmt"
	"log"
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
