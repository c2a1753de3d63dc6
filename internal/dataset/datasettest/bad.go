package datasettest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"iris/internal/dataset"
)

// BadCSV is a CSV that Iris refuses. The tests of Scan, of the API's upload and of the workflow's validation use the
// same table.
type BadCSV struct {
	Name string
	CSV  []byte

	// How it is sent.
	NewModel    bool   // as the first data of a new model; otherwise as data for iris
	LabelColumn string // "" if not named
	MaxBytes    int64  // the limit; 0 for the default

	// What is wrong with it.
	Line   int    // 0 for the whole file
	Column string // "" for none
	Want   string // part of the error's text
	Status int    // of the HTTP answer
}

const header = "sepal_length,sepal_width,petal_length,petal_width,species\n"

// good is rows under that header. Line 6 of the file follows them.
const good = "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n7.0,3.2,4.7,1.4,versicolor\n6.4,3.2,4.5,1.5,versicolor\n"

// BadCSVs returns the table of bad CSVs.
func BadCSVs() []BadCSV {
	var bad []BadCSV
	add := func(name, csv string, line int, column, want string, change ...func(*BadCSV)) {
		b := BadCSV{
			Name: name, CSV: []byte(csv),
			Line: line, Column: column, Want: want, Status: http.StatusUnprocessableEntity,
		}
		for _, f := range change {
			f(&b)
		}
		bad = append(bad, b)
	}
	newModel := func(b *BadCSV) { b.NewModel = true }
	label := func(name string) func(*BadCSV) { return func(b *BadCSV) { b.LabelColumn = name } }

	// Rows.
	add("a row too short", header+good+"5.9,3.0,5.1,virginica\n", 6, "", "want 5 values, found 4")
	add("a row too long", header+good+"5.9,3.0,5.1,1.8,virginica,\n", 6, "", "want 5 values, found 6")
	add(
		"a number beyond float64",
		header+good+"5.9,3.0,5.1,1e999,virginica\n",
		6,
		"petal_width",
		`"1e999" is not a finite number`,
	)
	add(
		"text in a feature",
		header+good+"5.9,three,5.1,1.8,virginica\n",
		6,
		"sepal_width",
		`"three" is not a finite number`,
	)
	add(
		"a hexadecimal float",
		header+good+"0x1p-2,3.0,5.1,1.8,virginica\n",
		6,
		"sepal_length",
		`"0x1p-2" is not a finite number`,
	)
	add(
		"an underscore in a number",
		header+good+"1_0,3.0,5.1,1.8,virginica\n",
		6,
		"sepal_length",
		`"1_0" is not a finite number`,
	)
	add("a decimal comma", header+good+`"5,9",3.0,5.1,1.8,virginica`, 6, "sepal_length", `"5,9" is not a finite number`)
	add("a label that is not UTF-8", header+good+"5.9,3.0,5.1,1.8,virg\xefnica\n", 6, "species", "not UTF-8")
	add(
		"a feature that is not UTF-8",
		header+good+"5.9,3.0,5.1,1\xb78,virginica\n",
		6,
		"petal_width",
		"is not a finite number",
	)
	add(
		"a label with a control character",
		header+good+"5.9,3.0,5.1,1.8,virgi\x00nica\n",
		6,
		"species",
		"control character",
	)
	add("a label over two lines", header+good+"5.9,3.0,5.1,1.8,\"virgi\nnica\"\n", 6, "species", "control character")
	add(
		"an endless label",
		header+good+"5.9,3.0,5.1,1.8,"+strings.Repeat("v", 257)+"\n",
		6,
		"species",
		"longer than 256 bytes",
	)
	add("a quote in the middle", header+good+"5.9,3.0,5.1,1.8,virgi\"nica\n", 6, "", "a quote inside an unquoted value")
	add("text after a quote", header+good+"5.9,3.0,5.1,1.8,\"virgi\"nica\n", 6, "", "a quoted value")
	add(
		"a quote left open",
		header+good+"5.9,3.0,5.1,1.8,\"virginica\n6.2,3.4,5.4,2.3,virginica\n",
		6,
		"",
		"a quoted value does not end",
	)
	add("an endless row", header+good+strings.Repeat("1", 1<<20+1), 6, "", "more than 1048576 bytes in one row")
	add(
		"an endless quoted value",
		header+good+"5.9,3.0,5.1,1.8,\""+strings.Repeat("virginica\n", 1<<17),
		6,
		"",
		"is a quote left open?",
	)

	// Header.
	add(
		"a header without names",
		strings.Replace(header, "petal_width", " ", 1)+good,
		1,
		"",
		"the name of column 4 is empty",
	)
	add(
		"a duplicate header",
		strings.Replace(header, "petal_width", "petal_length", 1)+good,
		1,
		"petal_length",
		"columns 3 and 4 have the same name",
	)
	add(
		"a header that is not UTF-8",
		strings.Replace(header, "species", "esp\xe8ce", 1)+good,
		1,
		"",
		"the name of column 5 is not UTF-8",
	)
	add("UTF-16", utf16(header+good), 1, "", "the name of column 1 is not UTF-8")
	add("lines that end in CR", strings.ReplaceAll(header+good, "\n", "\r"), 1, "", "control character")
	add(
		"a missing column",
		"sepal_length,sepal_width,petal_length,species\n5.1,3.5,1.4,setosa\n",
		1,
		"",
		`missing "petal_width"`,
	)
	add("an extra column", "id,"+header+"1,5.1,3.5,1.4,0.2,setosa\n", 1, "", `not expected "id"`)
	add(
		"a misspelt column",
		strings.Replace(header, "petal_width", "Petal_Width", 1)+good,
		1,
		"",
		`missing "petal_width"; not expected "Petal_Width"`,
	)
	add("a missing class column", header+good, 1, "", `no class column "specie"`, label("specie"))
	add("semicolons", strings.ReplaceAll(header+good, ",", ";"), 1, "", "only one column", newModel)
	add("too many columns", strings.Repeat("x,", 4096)+"label\n", 1, "", "more than 4096 columns", newModel)
	add("no header for a new model", good, 1, "", "the file has no header", newModel)
	add("no header and another class column", good, 1, "", `is "species", not "kind"`, label("kind"))
	add("no header and other columns", "5.1,3.5,1.4,setosa\n", 1, "", "it has 4 columns, want 5")

	add("a first row with a gap, no header", "5.1,NaN,1.4,0.2,setosa\n", 1, "", "is the header line missing?")

	// The file as a whole.
	add("an empty file", "", 0, "", "the file is empty")
	add("empty lines only", "\r\n\n\n", 0, "", "the file is empty")
	add("no rows", header, 0, "", "no rows after the header")
	add("one class", header+"5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n", 0, "species", `only one class, "setosa"`)
	add(
		"one class in two spellings",
		header+"5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n",
		0,
		"species",
		`only one class, "setosa"`,
	)
	add(
		"one class with two rows",
		header+"5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n5.9,3.0,5.1,1.8,virginica\n",
		4,
		"species",
		`these have fewer: "virginica"`,
	)
	add("no classes", header+"5.1,3.5,1.4,0.2,\n4.9,3.0,1.4,0.2,  \n", 0, "species", "no row has a class")
	add("a number as the class", manyClasses(), 0, "price", "regression is not supported", newModel)
	add("many classes", manyClasses(), 1002, "price", "more than 1000 classes: is it the class column?", newModel,
		label("price"))
	add("over the limit", string(dataset.IrisCSV()), 0, "", "too large", func(b *BadCSV) {
		b.MaxBytes = int64(len(b.CSV)) - 1
		b.Status = http.StatusRequestEntityTooLarge
	})
	return bad
}

// utf16 encodes an ASCII text as UTF-16 with a byte order mark, as spreadsheets do.
func utf16(text string) string {
	b := []byte("\xff\xfe")
	for _, c := range []byte(text) {
		b = append(b, c, 0)
	}
	return string(b)
}

// manyClasses returns a table for regression: 1001 prices, the last one on line 1002.
func manyClasses() string {
	var b bytes.Buffer
	b.WriteString("rooms,price\n")
	for i := range 1001 {
		fmt.Fprintf(&b, "%d,%d.5\n", i%7, i)
	}
	return b.String()
}
