package dataset_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// FuzzScan compares the files that Scan accepts with encoding/csv and strconv. It checks that Scan refuses other files
// with a place in the file, and that the size of reads does not matter.
func FuzzScan(f *testing.F) {
	for _, bad := range datasettest.BadCSVs() {
		if len(bad.CSV) < 8<<10 {
			f.Add(bad.CSV, !bad.NewModel, bad.LabelColumn)
		}
	}
	f.Add([]byte(small), false, "")
	f.Add([]byte("\ufeff"+strings.ReplaceAll(small, "\n", "\r\n")), false, "a")
	f.Add(dataset.IrisCSV()[:300], true, "species")
	f.Add(datasettest.UCIIris()[1300:1700], true, "")
	f.Add([]byte("a,\"b\n\"\"c\",label\n\"1\",2,\"x\"\"y\"\n3,4,é\n3,4,é\n3,4,\"x\"\"y\"\n"), false, "")

	f.Fuzz(func(t *testing.T, data []byte, known bool, label string) {
		o := dataset.ScanOptions{LabelColumn: label}
		if known {
			o.Known = iris()
		}
		table, summary, err := dataset.Read(bytes.NewReader(data), o)

		again, errAgain := dataset.Scan(iotest.OneByteReader(bytes.NewReader(data)), o)
		if !reflect.DeepEqual(again, summary) || (err == nil) != (errAgain == nil) ||
			(err != nil && err.Error() != errAgain.Error()) {
			t.Fatalf("in one piece: %+v, %v; byte for byte: %+v, %v", summary, err, again, errAgain)
		}
		if err != nil {
			var row *dataset.RowError
			if !errors.As(err, &row) || row.Reason == "" || row.Line < 0 || row.Line > bytes.Count(data, []byte("\n"))+1 ||
				!utf8.ValidString(row.Reason) {
				t.Fatalf("refused with %#v, want a *RowError with a line of the file", err)
			}
			return
		}

		marked := bytes.TrimPrefix(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\ufeff"))
		reader := csv.NewReader(bytes.NewReader(marked))
		reader.FieldsPerRecord = -1
		records, err := reader.ReadAll()
		records = slices.DeleteFunc(records, dataset.IsBlank)
		if err != nil {
			t.Fatalf("accepted what encoding/csv refuses: %v", err)
		}
		names := append(slices.Clone(summary.Schema.Features), summary.Schema.Label)
		if summary.Header {
			for i := range records[0] {
				records[0][i] = strings.Trim(records[0][i], " \t")
			}
			names, records = records[0], records[1:]
		}
		if summary.Bytes != int64(len(data)) || summary.Profile.Rows != len(records) || table.Rows() != len(records) {
			t.Fatalf("%d bytes, %d rows, want %d, %d", summary.Bytes, table.Rows(), len(data), len(records))
		}
		classes := make(map[string]int)
		for row, record := range records {
			for column, cell := range record {
				if names[column] == summary.Schema.Label {
					class := summary.Schema.Classes[table.Y[row]]
					if classes[class]++; class != cell && summary.Schema.Aliases[cell] != class {
						t.Fatalf("row %d: label %q became class %q", row, cell, class)
					}
					continue
				}
				at := slices.Index(summary.Schema.Features, names[column])
				want, err := strconv.ParseFloat(strings.Trim(cell, " \t"), 64)
				got, profile := table.Row(row)[at], summary.Profile.Columns[at]
				if err != nil || got != want || math.IsInf(got, 0) || got < profile.Min || got > profile.Max {
					t.Fatalf("row %d, %s: %q became %v, range %v to %v", row, profile.Name, cell, got, profile.Min, profile.Max)
				}
			}
		}
		for i, c := range summary.Profile.Classes {
			if c.Class != summary.Schema.Classes[i] || c.Rows != classes[c.Class] || c.Rows < 2 {
				t.Fatalf("class %q has %d rows, want %q, %d", c.Class, c.Rows, summary.Schema.Classes[i], classes[c.Class])
			}
		}
		if len(classes) < 2 || len(classes) != len(summary.Profile.Classes) || !slices.IsSorted(summary.Schema.Classes) {
			t.Fatalf("classes %v, want %v, at least two and sorted", summary.Schema.Classes, classes)
		}
	})
}
