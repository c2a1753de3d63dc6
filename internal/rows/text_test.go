package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"iris/internal/dataset"
	"iris/internal/scores"
)

// Texts are the same values in each format.
func TestReaders_sameTextsInAllFormats(t *testing.T) {
	schema := dataset.Schema{
		Features: []string{"title", "age", "review"},
		Columns: []dataset.Column{
			{Kind: dataset.Text, Missing: true}, {Kind: dataset.Numeric}, {Kind: dataset.Text, Missing: true},
		},
	}
	columns := Columns{Features: schema.Features, Keys: []string{"review"}, Cells: dataset.NewCells(schema)}
	type row struct {
		Title  string `parquet:"title" json:"title"`
		Age    int64  `parquet:"age" json:"age"`
		Review string `parquet:"review" json:"review"`
	}
	all := []row{
		{"Cold, \"soup\"", 31, "plain"}, {"x", 32, "Größe 42\n\tand more"}, {"", 33, "\U0001F600 !"}, {"N/A", 34, "last"},
	}
	var table, lines, file bytes.Buffer
	table.WriteString("review,age,title\n")
	for _, r := range all {
		quote := func(s string) string { return strings.ReplaceAll(s, `"`, `""`) }
		fmt.Fprintf(&table, "\"%s\",%d,\"%s\"\n", quote(r.Review), r.Age, quote(r.Title))
		if err := json.NewEncoder(&lines).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := parquet.Write(&file, all); err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, r := range all {
		x := make([]float64, columns.Cells.Width())
		columns.Cells.Text(x, 0, []byte(r.Title))
		columns.Cells.Number(x, 1, float64(r.Age))
		columns.Cells.Text(x, 2, []byte(r.Review))
		want = append(want, x...)
	}
	parquetRows, err := NewParquet(bytes.NewReader(file.Bytes()), int64(file.Len()), columns, Shard{Length: 4, Line: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer parquetRows.Close() //nolint:errcheck // of a test
	header := Header{Cells: 3, Features: []int{2, 1, 0}, Keys: []int{0}}
	_, records, _ := bytes.Cut(table.Bytes(), []byte("\n"))
	for format, reader := range map[scores.Format]Reader{
		scores.CSV:     NewCSV(bytes.NewReader(records), columns, header, 2),
		scores.JSONL:   NewJSONL(bytes.NewReader(lines.Bytes()), columns, 1),
		scores.Parquet: parquetRows,
	} {
		var got []float64
		for block := NewBlock(columns); ; {
			err := reader.Read(block)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(block.Bad) > 0 {
				t.Fatalf("%s: %v, %v", format, block.Bad, err)
			}
			for r := range block.Rows {
				if key := string(block.Keys[r]); key != all[len(got)/columns.Cells.Width()].Review {
					t.Errorf("%s: key %q", format, key)
				}
				got = append(got, block.X[r*columns.Cells.Width():(r+1)*columns.Cells.Width()]...)
			}
		}
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
			t.Errorf("%s: other values", format)
		}
	}
}
