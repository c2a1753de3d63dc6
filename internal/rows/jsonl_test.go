package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/scores"
)

func TestJSONL(t *testing.T) {
	text := "\xef\xbb\xbf" + strings.Join([]string{
		`{"a":1,"b":2,"k":"x"}`,
		``,
		`{"k":"q\"\u00e9\n","b":-2.5e1,"other":[1,{"a":2}],"a":0.5}`,
		`{"a":1,"b":2}`,
		`{"a":1,"k":"x"}`,
		`{"a":1,"b":"2","k":"x"}`,
		`{"a":1,"b":1e999,"k":"x"}`,
		`[1,2]`,
		`{"a":1,`,
		`{"a":1,"a":1,"b":2,"k":"x"}`,
		`{"a":1,"b":2,"k":1,"k":2}`,
		`{"a":3,"b":4,"k":null}`,
		`{"a":3,"b":4,"k":12.50}` + "\r",
		` `,
		`{"a":3,"b":4,"k":{"x":1}}`,
	}, "\n")
	for _, target := range []int64{1, 30, 1 << 20} {
		got, bad, cuts := read(t, []byte(text), scores.JSONL, abk, target)
		want := []string{`[1 2] ["x"]`, `[0.5 -25] ["q\"é\n"]`, `[3 4] [""]`, `[3 4] ["12.50"]`, `[3 4] ["{\"x\":1}"]`}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("rows\n%s\nwant\n%s", got, want)
		}
		var lines []string
		for _, b := range bad {
			lines = append(lines, b.Error())
		}
		wantBad := []string{
			`line 4, column "k": missing`, `line 5, column "b": missing`, `line 6, column "b": a string, want a number`,
			`line 7, column "b": "1e999" is not finite`, `line 8: an array, want an object`, `line 9: invalid json at byte 7`,
			`line 10, column "a": given twice`, `line 11, column "k": given twice`,
		}
		if len(lines) != len(wantBad) {
			t.Fatalf("bad rows %q, want %d", lines, len(wantBad))
		}
		for i, w := range wantBad {
			if !strings.HasPrefix(lines[i], w) {
				t.Errorf("bad row %d: %s, want %s", i, lines[i], w)
			}
		}
		if cuts.Rows != 13 || cuts.Shards[0].Offset != 3 {
			t.Errorf("plan %+v, want 13 rows after the byte order mark", cuts)
		}
	}
}

func TestJSONL_linesThatAreTooLong(t *testing.T) {
	long := `{"a":` + strings.Repeat(" ", 2*dataset.MaxRecord) + "1}"
	text := `{"a":1,"b":2,"k":"first"}` + "\n" + long + "\n" + `{"a":3,"b":4,"k":"last"}`
	got, bad, _ := read(t, []byte(text), scores.JSONL, abk, 1<<20)
	if len(got) != 2 || len(bad) != 1 || bad[0].Reason != dataset.LongRecord || bad[0].Line != 2 {
		t.Errorf("rows %v, bad %v: want two and a long one between them", got, bad)
	}
}

func FuzzJSONL(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":2,"k":"x"}`, `{"a":1,"b":2,"k":"\u00e9"}` + "\n\n{}", `{"k":[],"a":1e400,"b":2}`,
		"{\"a\":1,\"b\":2,\"k\":\"\xff\"}", "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cuts, err := Cut(bytes.NewReader(data), scores.JSONL, abk, 10, func(int64) {})
		if err != nil {
			return
		}
		got, bad, _ := read(t, data, scores.JSONL, abk, 10)
		if int64(len(got)+len(bad)) != cuts.Rows {
			t.Fatalf("%d rows and %d bad ones of %q, the plan says %d", len(got), len(bad), data, cuts.Rows)
		}
		var want []string
		for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
			var row struct {
				A, B *float64
				K    json.RawMessage
			}
			if json.Unmarshal(line, &row) == nil && row.A != nil && row.B != nil && row.K != nil {
				want = append(want, "")
			}
		}
		if len(got) > len(want) { // encoding/json also accepts names in any case, and repeated names
			t.Fatalf("%d rows of %q, encoding/json accepts %d", len(got), data, len(want))
		}
	})
}

func TestFormatOf(t *testing.T) {
	for _, test := range []struct {
		name, key string
		want      scores.Format
	}{
		{"", "a/b.csv", scores.CSV},
		{"", "a/b.CSV.gz", scores.CSV},
		{"", "a/b", scores.CSV},
		{"", "b.jsonl", scores.JSONL},
		{"", "b.ndjson.gz", scores.JSONL},
		{"", "b.parquet", scores.Parquet},
		{"jsonl", "b.csv", scores.JSONL},
		{"parquet", "b", scores.Parquet},
		{"csv", "b.parquet", scores.CSV},
	} {
		if got, err := FormatOf(test.name, test.key); err != nil || got != test.want {
			t.Errorf("FormatOf(%q, %q) = %s, %v; want %s", test.name, test.key, got, err, test.want)
		}
	}
	if _, err := FormatOf("xml", "b.csv"); err == nil || !strings.Contains(err.Error(), "xml") {
		t.Errorf("got %v, want an error that names xml", err)
	}
}

func TestBlock_isBounded(t *testing.T) {
	features := make([]string, 4000)
	for i := range features {
		features[i] = fmt.Sprint(i)
	}
	wide, narrow := NewBlock(Columns{Features: features}), NewBlock(abk)
	if wide.Capacity() != blockValues/4000 || narrow.Capacity() != blockRows {
		t.Errorf("blocks of %d and %d rows, want %d and %d", wide.Capacity(), narrow.Capacity(), blockValues/4000, blockRows)
	}
}
