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
	"time"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/literal"
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

// FuzzInfer checks that what Scan infers reads the same bytes: Read accepts them, and every value is one of its column.
func FuzzInfer(f *testing.F) {
	for _, column := range []string{
		"1 2 x 3 4", "true false true", "t f t f", "2024-01-31 31/01/2024 2024-2-1", "1/2/2024 3.4.2024", "$1,200 12% EUR5",
		"NA  ? - null", "inf -Infinity 1", "01234 90210 00501", "-0 0 +0 0.0", "1e150 -1e150 1e151", "None none",
	} {
		f.Add(column, "a b a b", true, "")
		f.Add(column, "1 1.0 2 02", false, "categorical")
	}
	f.Fuzz(func(t *testing.T, column, labels string, missing bool, kind string) {
		cells, classes := strings.Split(column, " "), strings.Split(labels, " ")
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		_ = w.Write([]string{"x", "y", "kind"}) // cannot fail: it is a buffer
		for i := range 60 {
			_ = w.Write([]string{cells[i%len(cells)], strconv.Itoa(i % 3), classes[i/2%len(classes)]})
		}
		w.Flush()
		o := dataset.ScanOptions{AllowMissing: missing, LabelColumn: "kind"}
		if kind != "" {
			o.Columns = map[string]string{"x": kind}
		}
		table, summary, err := dataset.Read(bytes.NewReader(file.Bytes()), o)
		if _, errScan := dataset.Scan(bytes.NewReader(file.Bytes()), o); errScan != nil {
			if !errors.As(errScan, new(*dataset.RowError)) {
				t.Fatalf("refused with %v, want a *RowError", errScan)
			}
			return
		}
		if err != nil {
			t.Fatalf("Scan accepts what Read refuses: %v", err)
		}
		if table.Rows() != summary.Profile.Rows {
			t.Fatalf("%d rows, want %d", table.Rows(), summary.Profile.Rows)
		}
		checkTable(t, table)
		known, again, err := dataset.Read(bytes.NewReader(file.Bytes()), dataset.ScanOptions{
			Known: &summary.Schema, AllowMissing: missing, Columns: o.Columns,
		})
		if len(summary.Schema.Features) == 2 && (err != nil || kinds(again.Schema) != kinds(summary.Schema)) {
			t.Fatalf("the same file for the model: %v, %v, want %s", err, kinds(again.Schema), kinds(summary.Schema))
		}
		if err == nil {
			checkTable(t, known)
		}
	})
}

// FuzzParseDate compares dates that begin with a year with time.Parse, and checks that days and months change places.
func FuzzParseDate(f *testing.F) {
	for _, text := range []string{
		"2024-01-31", "2024/02/30", "31.01.2024", "1/2/2024 17:05", "2024-01-31T17:05:09.25Z", "2024-01-31 24:00",
		"0000-01-01",
		"2024-01-31T00:30:00+01:00", "29-02-2023", "2024-1-1", "2024-01/01",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		date, ok := literal.ParseDate(text, literal.YearFirst)
		for _, layout := range []string{"2006-01-02", "2006-01-02T15:04:05Z07:00"} {
			want, err := time.Parse(layout, text)
			if err != nil || strings.Contains(text, ",") || want.Year() < 0 {
				continue
			}
			seconds := float64(want.Unix()) + float64(want.Nanosecond())/1e9
			if _, offset := want.Zone(); !ok && offset%60 == 0 && offset <= 14*3600 && offset >= -14*3600 {
				t.Fatalf("%q is not read", text)
			}
			if ok && math.Abs(date.Days*86400-seconds) > 1e-3 {
				t.Fatalf("%q is day %v, want %v", text, date.Days, seconds/86400)
			}
		}
		days, okDays := literal.ParseDate(text, literal.DayFirst)
		if ok && (!okDays || days != date) {
			t.Fatalf("%q is %v, and %v with the day first", text, date, days)
		}
		if okDays && (math.IsNaN(days.Days) || math.IsInf(days.Days, 0)) {
			t.Fatalf("%q is day %v", text, days.Days)
		}
	})
}
