package dataset_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/frame"
	"iris/internal/rows"
	"iris/internal/scores"
)

// TestReaders_oddCSVs reads odd CSVs with every reader of rows: Scan for a training, package rows for a batch, package
// frame for the clients of other servers. same is what all three do; otherwise the row says what each does. The
// comment of package dataset gives the reasons for the differences.
func TestReaders_oddCSVs(t *testing.T) {
	const one = "[1 2] [3 4]"
	const header = "a,b,k\n"
	for _, test := range []struct {
		name, csv          string
		same               string
		scan, batch, frame string // if they differ
	}{
		// What a file and a record is: the same everywhere.
		{name: "plain", csv: header + "1,2,x\n3,4,y\n", same: one},
		{name: "byte order mark", csv: "\ufeff" + header + "1,2,x\n3,4,y\n", same: one},
		{name: "byte order mark and quotes", csv: "\ufeff\"a\",b,k\n1,2,x\n3,4,y\n", same: one},
		{name: "CRLF", csv: "a,b,k\r\n1,2,x\r\n3,4,y\r\n", same: one},
		{name: "no line end at the end", csv: header + "1,2,x\n3,4,y", same: one},
		{name: "a lone CR at the end", csv: header + "1,2,x\n3,4,y\r", same: one},
		{name: "empty lines", csv: "\n\r\n" + header + "\n1,2,x\n\r\n3,4,y\n\n", same: one},
		{name: "two byte order marks", csv: "\ufeff\ufeff" + header + "1,2,x\n3,4,y\n", same: one},
		{name: "lines of blanks", csv: " \n\t\r\n" + header + "  \n1,2,x\n \t\r\n3,4,y\n \n  ", same: one},
		{name: "another order", csv: "k,b,a\nx,2,1\ny,4,3\n", scan: "[2 1] [4 3]", batch: one, frame: one},
		{name: "quoted cells", csv: header + "\"1\",2,\"x, \"\"x\"\"\"\n3,4,y\n", same: one},
		{name: "an open quote", csv: header + "1,2,\"x\n", same: dataset.OpenQuote},
		{name: "text after a quote", csv: header + "\"1\"0,2,x\n", same: dataset.OpenQuote},
		{name: "a quote inside a cell", csv: header + "1,2,x\"\n", same: dataset.StrayQuote},
		{name: "a blank before a quote", csv: header + "1, \"2\",x\n", same: dataset.StrayQuote},

		// What a number is: the same everywhere.
		{name: "blanks around numbers", csv: header + " 1,2\t,x\n3 , 4,y\n", same: one},
		{name: "forms of numbers", csv: header + "+1,2.,x\n.3e1,0400e-2,y\n", same: one},
		{name: "negative zero", csv: header + "-0,-0.0,x\n3,4,y\n", same: "[0 0] [3 4]"},
		{name: "a hexadecimal number", csv: header + "0x1,2,x\n", same: `"0x1" is not a`},
		{name: "an underscore", csv: header + "1_0,2,x\n", same: `"1_0" is not a`},
		{name: "a decimal comma", csv: header + "\"1,5\",2,x\n", same: `"1,5" is not a`},
		{name: "a number beyond float64", csv: header + "1e999,2,x\n", same: `"1e999" is not`},
		{name: "a long number", csv: header + "1.00000000000000000000000000000000000000,2,x\n3,4,y\n", same: one},

		// What a bad row means.
		{
			name: "a bad row", csv: header + "1,2,x\nz,2,x\n3,4,y\n",
			scan: `line 3, column "a": "z" is not a finite number`, batch: one + `, but line 3`,
			frame: `line 3, column "a": "z" is not a number`,
		},
		{
			name: "a missing value", csv: header + "1,2,x\n3,,y\n",
			scan: `line 3, column "b": empty cell`, batch: "[1 2], but line 3", frame: `"" is not finite`,
		},
		{
			name: "pandas' word for a missing value", csv: header + "1,NA,x\n",
			scan: "empty cell, want a number", batch: `"NA" is not a finite number`, frame: `"NA" is not finite`,
		},
		{
			name: "true and false", csv: header + "true,False,x\n",
			scan: `"true" is not a`, batch: `"true" is not a`, frame: "[1 0]",
		},
		{
			name: "a short row", csv: header + "1,2\n",
			scan: "want 3 values, found 2", batch: "want 3 values, found 2", frame: "[1 2]",
		},
		{
			name: "a short row without a feature", csv: header + "1\n",
			scan: "want 3 values, found 1", batch: "want 3 values, found 1", frame: `column "b": missing`,
		},
		{
			name: "a long row", csv: header + "1,2,x,9\n",
			scan: "want 3 values, found 4", batch: "want 3 values, found 4", frame: "4 values, want 3",
		},

		// What a header is.
		{
			name: "blanks around names", csv: "a ,\tb,k\n1,2,x\n3,4,y\n",
			scan: one, batch: one, frame: `no column "a"`,
		},
		{
			name: "a repeated feature", csv: "a,b,k,a\n1,2,x,9\n",
			scan: "have the same name", batch: `column "a": appears twice`, frame: "[1 2]",
		},
		{
			name: "a repeated name of another column", csv: "z,z,a,b,k\n1,1,1,2,x\n1,1,3,4,y\n",
			scan: "have the same name", batch: one, frame: one,
		},
		{
			name: "an empty name", csv: "a,b,k,\n1,2,x,\n3,4,y,\n",
			scan: "the name of column 4 is empty", batch: one, frame: one,
		},
		{
			name: "no header", csv: "1,2,x\n3,4,y\n",
			scan: "add a header line", batch: `column "a": is missing`, frame: `no column "a"`,
		},
		{
			name: "only a header", csv: header,
			scan: "no rows after the header", batch: "has no rows", frame: "no rows",
		},
		{name: "an empty file", csv: "", scan: "the file is empty", batch: "has no rows", frame: "empty, want a header"},

		// What bytes are.
		{
			name: "a label that is not UTF-8", csv: header + "1,2,\xff\n3,4,y\n",
			scan: "the class is not UTF-8", batch: one, frame: "not UTF-8",
		},
		{
			name: "a long record", csv: header + "1,2," + strings.Repeat("x", dataset.MaxRecord) + "\n3,4,y\n",
			scan: dataset.LongRecord, batch: "[3 4], but line 2: " + dataset.LongRecord, frame: one,
		},
		{
			name: "many columns", csv: "a,b,k" + strings.Repeat(",", dataset.MaxColumns) + "\n",
			scan: "more than 4096 columns", batch: "more than 4096 columns", frame: "no rows",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for reader, want := range map[string]struct {
				read   func(string) string
				differ string
			}{
				"scan": {scanCSV, test.scan}, "batch": {batchCSV, test.batch}, "frame": {frameCSV, test.frame},
			} {
				got := want.read(test.csv)
				if want.differ == "" {
					want.differ = test.same
				}
				if want.differ == "" || !strings.Contains(got, want.differ) {
					t.Errorf("%s reads %q, want %q", reader, got, want.differ)
				}
			}
		})
	}
}

// scanCSV returns the rows that Scan and Read accept, or their error. A file with fewer than two rows of a class is
// read with the schema of the other readers.
func scanCSV(text string) string {
	o := dataset.ScanOptions{}
	if strings.Contains(text, "k,b,a") {
		o.LabelColumn = "k"
	}
	summary, err := dataset.Scan(strings.NewReader(text), o)
	if err != nil && !strings.Contains(err.Error(), "want at least two") {
		return err.Error()
	}
	o.Schema = &summary.Schema
	if err != nil {
		o.Schema = &dataset.Schema{Features: []string{"a", "b"}, Label: "k", Classes: []string{"x", "x, \"x\"", "y"}}
		if o.LabelColumn == "k" {
			o.Schema.Features = []string{"b", "a"}
		}
	}
	var x [][]float64
	if err := dataset.Each(strings.NewReader(text), o, func(row []float64, _ int) error {
		x = append(x, slices.Clone(row))
		return nil
	}); err != nil {
		return err.Error()
	}
	return list(x)
}

// batchCSV returns the rows that package rows reads, and the first bad row.
func batchCSV(text string) string {
	columns := rows.Columns{Features: []string{"a", "b"}}
	cuts, err := rows.Cut(strings.NewReader(text), scores.CSV, columns, 1<<30, func(int64) {})
	if err != nil {
		return err.Error()
	}
	shard := cuts.Shards[0]
	data := text[shard.Offset : shard.Offset+shard.Length]
	reader := rows.NewCSV(bytes.NewReader([]byte(data)), columns, cuts.Header, shard.Line)
	var x [][]float64
	var bad []rows.Bad
	for block := rows.NewBlock(columns); reader.Read(block) == nil; {
		for i := range block.Rows {
			x = append(x, slices.Clone(block.X[2*i:2*i+2]))
		}
		bad = append(bad, block.Bad...)
	}
	if len(bad) > 0 {
		return list(x) + ", but " + bad[0].Error()
	}
	return list(x)
}

// frameCSV returns the rows that package frame reads, or its error.
func frameCSV(text string) string {
	var x [][]float64
	_, err := frame.NewDecoder([]string{"a", "b"}).CSV([]byte(text), func(row []float64) error {
		x = append(x, slices.Clone(row))
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return list(x)
}

func list(x [][]float64) string {
	if len(x) == 0 {
		return "no rows"
	}
	text := fmt.Sprint(x)
	return text[1 : len(text)-1]
}
