package datasettest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// Form is a table in one of the forms that people have.
type Form struct {
	Name      string // of the file
	MediaType string
	File      []byte
}

// FormsCSV is the table of Forms as the plain CSV that all of them become.
const FormsCSV = "size,weight,label\n0.5,10.25,big\n1.5,-2,big\n2.25,0,small\n3,7.125,small\n1234.5,1,big\n8,9,small\n"

// Forms returns one table in many forms.
func Forms() []Form {
	type row struct {
		Size   float64 `parquet:"size"`
		Weight float64 `parquet:"weight"`
		Label  string  `parquet:"label,dict"`
	}
	rows := []row{
		{0.5, 10.25, "big"}, {1.5, -2, "big"}, {2.25, 0, "small"}, {3, 7.125, "small"}, {1234.5, 1, "big"}, {8, 9, "small"},
	}
	var columns bytes.Buffer
	if err := parquet.Write(&columns, rows); err != nil {
		panic(err)
	}
	objects := `{"size":0.5,"weight":10.25,"label":"big"}
{"label":"big","size":1.5,"weight":-2}

{"size":2.25,"weight":0,"label":"small"}
{"size":3,"weight":7.125,"label":"small"}
{"size":1234.5,"weight":1,"label":"big"}
{"size":8,"weight":9,"label":"small"}
`
	tabs := strings.ReplaceAll(FormsCSV, ",", "\t")
	semicolons := strings.ReplaceAll(strings.ReplaceAll(FormsCSV, ",", ";"), ".", ",")
	semicolons = strings.ReplaceAll(semicolons, "1234,5", "1.234,5")
	return []Form{
		{"plain.csv", "text/csv", []byte(FormsCSV)},
		{"tabs.tsv", "text/tab-separated-values", []byte(strings.ReplaceAll(tabs, "\n", "\r\n"))},
		{"semicolons.csv", "text/csv", []byte(" \n" + semicolons)},
		{"pipes.txt", "application/octet-stream", []byte(strings.ReplaceAll(FormsCSV, ",", "|"))},
		{"marks.csv", "text/csv", []byte("\ufeff\ufeff" + FormsCSV)},
		{"utf16.csv", "text/csv", []byte(utf16(FormsCSV))},
		{"packed.csv.gz", "application/gzip", gzipped([]byte(FormsCSV))},
		{"packed.zip", "application/zip", zipped("semicolons.csv", []byte(semicolons))},
		{"rows.jsonl", "application/x-ndjson", []byte(objects)},
		{"rows.parquet", "application/vnd.apache.parquet", columns.Bytes()},
	}
}

func gzipped(file []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(file) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func zipped(name string, file []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		panic(err)
	}
	_, _ = f.Write(file) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// BadFiles returns those of BadCSVs that are also bad as a file that may have any form: some of them are only in
// another dialect. Bytes that are not UTF-8 are found before the cell in which they are.
func BadFiles() []BadCSV {
	var bad []BadCSV
	for _, b := range BadCSVs() {
		switch b.Name {
		case "UTF-16", "lines that end in CR", "semicolons":
			continue
		}
		if !utf8.Valid(b.CSV) {
			b.Column, b.Want = "", "not UTF-8: name the encoding"
		}
		bad = append(bad, b)
	}
	return bad
}
