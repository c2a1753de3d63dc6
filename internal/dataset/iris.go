package dataset

import (
	_ "embed" // for the two files below
	"encoding/json"
	"fmt"
)

// irisCSV is scikit-learn's variant of Fisher's iris data, which has the values of Fisher's article. UCI's iris.data
// differs from it in rows 34 and 37, counted from 0.
//
//go:embed iris.csv
var irisCSV string

// irisAliases is UCI's spelling of the classes, which many copies of the data use.
//
//go:embed iris_aliases.json
var irisAliases []byte

// IrisModel is the name of the model of the bundled data.
const IrisModel = "iris"

// IrisCSV returns the bundled iris data: a header and 150 rows, labelled setosa, versicolor and virginica.
func IrisCSV() []byte { return []byte(irisCSV) }

// Iris returns the schema of the bundled data, with UCI's labels as aliases.
func Iris() Schema {
	s := Schema{
		Features: []string{"sepal_length", "sepal_width", "petal_length", "petal_width"},
		Label:    "species",
		Classes:  []string{"setosa", "versicolor", "virginica"},
	}
	if err := json.Unmarshal(irisAliases, &s.Aliases); err != nil {
		panic(fmt.Sprintf("iris_aliases.json, built into the program: %v", err))
	}
	return s
}
