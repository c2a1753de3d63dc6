package rows

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/scores"
)

var abk = Columns{Features: []string{"a", "b"}, Keys: []string{"k"}}

// read returns all rows and bad rows of the shards of an object.
func read(
	t testing.TB,
	data []byte,
	format scores.Format,
	c Columns,
	target int64,
) (rows []string, bad []Bad, cuts Cuts) {
	t.Helper()
	cuts, err := Cut(bytes.NewReader(data), format, c, target, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	var end int64
	for i, s := range cuts.Shards {
		if i > 0 && s.Offset < end {
			t.Fatalf("shard %d begins at %d, before the end of the previous one at %d", i, s.Offset, end)
		}
		end = s.Offset + s.Length
		part := bytes.NewReader(data[s.Offset:end])
		var r Reader
		if format == scores.CSV {
			r = NewCSV(part, c, cuts.Header, s.Line)
		} else {
			r = NewJSONL(part, c, s.Line)
		}
		before := len(rows) + len(bad)
		rows, bad = drain(t, r, c, rows, bad)
		if got := int64(len(rows) + len(bad) - before); got != s.Rows {
			t.Fatalf("shard %d of %d has %d rows, the plan says %d", i, len(cuts.Shards), got, s.Rows)
		}
	}
	return rows, bad, cuts
}

func drain(t testing.TB, r Reader, c Columns, rows []string, bad []Bad) ([]string, []Bad) {
	t.Helper()
	b := NewBlock(c)
	for {
		err := r.Read(b)
		if errors.Is(err, io.EOF) {
			return rows, bad
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.empty() {
			t.Fatal("an empty block before the end")
		}
		f, k := len(c.Features), len(c.Keys)
		for i := range b.Rows {
			rows = append(rows, fmt.Sprintf("%v %q", b.X[i*f:(i+1)*f], b.Keys[i*k:(i+1)*k]))
		}
		bad = append(bad, b.Bad...)
	}
}

// reference reads a CSV with encoding/csv.
func reference(data []byte) (rows []string, bad []int64, ok bool) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	header := true
	for {
		cells, err := r.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return rows, bad, !header
		case header && (err != nil || len(cells) != 3 || cells[0] != "a" || cells[1] != "b" || cells[2] != "k"):
			return nil, nil, false
		case header:
			header = false
			continue
		case errors.As(err, &broken):
			bad = append(bad, int64(broken.StartLine))
			continue
		}
		line, _ := r.FieldPos(0)
		var x []float64
		for _, cell := range cells[:min(2, len(cells))] {
			if v, reason := dataset.Cell([]byte(cell)); reason == "" {
				x = append(x, v)
			}
		}
		if len(cells) != 3 || len(x) != 2 {
			bad = append(bad, int64(line))
			continue
		}
		rows = append(rows, fmt.Sprintf("%v %q", x, cells[2:]))
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"a,b,k\n1,2,x\n", "a,b,k\r\n1,2,x\r\n\r\n-3.5,4e2,\"q,\"\"r\"\"\n\"\r\n", "\xef\xbb\xbfa,b,k\n1,2,",
		"a,b,k\n1,2\nx,1,1\n\"1\",\"2\",\"3",
		"a,b,k\n1,\"2\"x,3\n1,2,3\n", "a,b,k\n1,2\",3\n1,2,3\n", "a,b,k\n 1,\t2 ,\r", "\n\na,b,k\n\n1,2,3\n\n",
		"a,b,k\n1e400,1,1\n1,2,\"\n\"\n",
	} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, target uint8) {
		if bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\r")) {
			return // encoding/csv drops some lone CRs inside quotes
		}
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		want, wantBad, ok := reference(data)
		if !ok || len(want)+len(wantBad) == 0 {
			_, _ = Cut(bytes.NewReader(data), scores.CSV, abk, int64(target)+1, func(int64) {}) // must end
			return
		}
		got, bad, _ := read(t, data, scores.CSV, abk, int64(target)+1)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("rows of %q:\n%s\nwant\n%s", data, got, want)
		}
		if len(bad) != len(wantBad) {
			t.Fatalf("bad rows of %q: %v, want lines %d", data, bad, wantBad)
		}
		for i, b := range bad {
			if b.Line != wantBad[i] {
				t.Fatalf("bad rows of %q: %v, want lines %d", data, bad, wantBad)
			}
		}
	})
}

func TestCSV_layoutsOfLines(t *testing.T) {
	want := []string{`[1 2] ["x"]`, `[-3.5 400] ["y,z"]`, `[0 7] [" w "]`}
	tests := map[string]string{
		"plain":                "a,b,k\n1,2,x\n-3.5,4e2,\"y,z\"\n-0,7, w \n",
		"CRLF":                 "a,b,k\r\n1,2,x\r\n-3.5,4e2,\"y,z\"\r\n0,7, w \r\n",
		"two byte order marks": "\xef\xbb\xbf\xef\xbb\xbfa,b,k\n1,2,x\n-3.5,4e2,\"y,z\"\n0,7, w \n",
		"lines of blanks":      " \n\t\r\na,b,k\n \t \n1,2,x\n\n  \r\n-3.5,4e2,\"y,z\"\n \n0,7, w \n  \n  ",
		"byte order mark":      "\xef\xbb\xbfa,b,k\n1,2,x\n-3.5,4e2,\"y,z\"\n0,7, w \n",
		"no newline at end":    "a,b,k\n1,2,x\n-3.5,4e2,\"y,z\"\n0,7, w ",
		"lone CR at end":       "a,b,k\n1,2,x\n-3.5,4e2,\"y,z\"\n0,7, w \r",
		"empty lines":          "\n\r\na,b,k\n\n\n1,2,x\n\r\n-3.5,4e2,\"y,z\"\n0,7, w \n\n\n",
		"blanks":               "a ,\tb,k\n 1,2\t,x\n-3.5 , 4e2,\"y,z\"\n0,7, w \n",
		"quoted numbers":       "\"a\",b,k\n\"1\",2,x\n-3.5,\"4e2\",\"y,z\"\n0,7, w \n",
		"other columns, order": "k,z,b,a\nx,\"a\nb\",2,1\n\"y,z\",,4e2,-3.5\n w ,5,7,0\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			for _, target := range []int64{1, 10, 1 << 20} {
				got, bad, _ := read(t, []byte(text), scores.CSV, abk, target)
				if strings.Join(got, "\n") != strings.Join(want, "\n") || len(bad) > 0 {
					t.Errorf("shards of %d bytes: rows %s, bad %v, want %s", target, got, bad, want)
				}
			}
		})
	}
}

// encoding/csv turns a CRLF inside quotes into LF. Keys are passed through, so this reader keeps their bytes.
func TestCSV_keysKeepTheirBytes(t *testing.T) {
	got, bad, _ := read(t, []byte("a,b,k\r\n1,2,\"x\r\ny\"\r\n"), scores.CSV, abk, 1<<20)
	if want := `[1 2] ["x\r\ny"]`; len(got) != 1 || got[0] != want || len(bad) > 0 {
		t.Errorf("rows %s, bad %v, want %s", got, bad, want)
	}
}

// Two keys that differ only in bytes that no result can hold must not become one key.
func TestCSV_keysThatAreNotUTF8(t *testing.T) {
	for _, k := range []string{"M\xfcller", "\"M\xfcller\""} {
		got, bad, _ := read(t, []byte("k,a,b\n"+k+",1,2\nM\u00fcller,1,2\n"), scores.CSV, abk, 1<<20)
		if len(got) != 1 || len(bad) != 1 || bad[0].Error() != `line 2, column "k": not UTF-8` {
			t.Errorf("%q: rows %s, bad %v, want line 2 bad", k, got, bad)
		}
	}
}

func TestCSV_badRows(t *testing.T) {
	text := "a,b,k\n1,2,x\n1,2\n1,x,y\n1,,y\n1,2,3,4\n1,\"2\"x,3\n1,2\",3\n" +
		"1e999,1,1\nNaN,1,1\n0x10,1,1\n3,4,z\n1,2,\"open\n5,6,7\n"
	got, bad, _ := read(t, []byte(text), scores.CSV, abk, 1<<20)
	if want := `[1 2] ["x"]|[3 4] ["z"]`; strings.Join(got, "|") != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	want := []string{
		`line 3: want 3 values, found 2`,
		`line 4, column "b": "x" is not a finite number`,
		`line 5, column "b": empty cell, want a number`,
		`line 6: want 3 values, found 4`,
		`line 7: a quoted value does not end, or text follows its closing quote`,
		`line 8: a quote inside an unquoted value`,
		`line 9, column "a": "1e999" is not a finite number`,
		`line 10, column "a": "NaN" is not a finite number`,
		`line 11, column "a": "0x10" is not a finite number`,
		`line 13: a quoted value does not end, or text follows its closing quote`,
	}
	if len(bad) != len(want) {
		t.Fatalf("bad rows %v, want %d", bad, len(want))
	}
	for i, b := range bad {
		if b.Error() != want[i] {
			t.Errorf("bad row %d: %s, want %s", i, b.Error(), want[i])
		}
	}
}

// A row that does not fit into a window is one bad row. The planner and the reader agree on where it ends.
func TestCSV_rowsThatAreTooLong(t *testing.T) {
	long := strings.Repeat("9", dataset.MaxRecord)
	lines := strings.Repeat("1,2,3\n", dataset.MaxRecord/6+50)
	text := "a,b,k\n1,2,first\n" + long + ",1,1\n1,2,\"" + lines + "3,4,last\n"
	got, bad, cuts := read(t, []byte(text), scores.CSV, abk, 1<<19)
	if len(bad) != 2 || bad[0].Reason != dataset.LongRecord || bad[1].Reason != dataset.LongRecord || bad[1].Line != 4 {
		t.Fatalf("bad rows %v, want two that are too long", bad)
	}
	if got[0] != `[1 2] ["first"]` || got[len(got)-1] != `[3 4] ["last"]` || len(got) > 60 {
		t.Errorf(
			"%d rows from %s to %s, want the first, some after the open quote, and the last",
			len(got),
			got[0],
			got[len(got)-1],
		)
	}
	if len(cuts.Shards) < 2 {
		t.Errorf("%d shards, want several", len(cuts.Shards))
	}
}

func TestCSV_manyWindows(t *testing.T) {
	var b bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	b.WriteString("a,b,k\n")
	var want []string
	for i := range 50_000 {
		x := []float64{
			math.Round(random.NormFloat64()*1e4) / 1e4,
			random.NormFloat64() * math.Pow(10, float64(random.IntN(40)-20)),
		}
		key := strings.Repeat("k", random.IntN(20))
		text := key
		if i%7 == 0 {
			key += "\n,\""
			text = `"` + strings.ReplaceAll(key, `"`, `""`) + `"`
		}
		fmt.Fprintf(&b, "%v,%v,%s\n", x[0]+0, x[1], text)
		want = append(want, fmt.Sprintf("%v %q", []float64{x[0] + 0, x[1]}, []string{key}))
	}
	for _, target := range []int64{1 << 16, 1 << 20, 1 << 30} {
		got, bad, cuts := read(t, b.Bytes(), scores.CSV, abk, target)
		if len(bad) > 0 || len(got) != len(want) {
			t.Fatalf("%d rows and bad ones %v, want %d rows", len(got), bad, len(want))
		}
		for i := range want {
			if got[i] != strings.ReplaceAll(want[i], "[-0 ", "[0 ") {
				t.Fatalf("row %d is %s, want %s", i, got[i], want[i])
			}
		}
		if most := int64(b.Len())/target + 1; int64(len(cuts.Shards)) > most {
			t.Errorf("%d shards of %d bytes, want at most %d", len(cuts.Shards), target, most)
		}
	}
}

func TestCut_refusals(t *testing.T) {
	tests := map[string]struct{ text, words string }{
		"empty":           {"", "has no rows"},
		"header only":     {"a,b,k\n", "has no rows"},
		"missing feature": {"a,k\n1,2\n", `column "b": is missing`},
		"missing key":     {"a,b\n1,2\n", `column "k": is missing`},
		"twice":           {"a,b,k,b\n1,2,3,4\n", `column "b": appears twice`},
		"open quote":      {"\"a,b,k\n1,2,3\n", "line 1: is not a header"},
		"endless header":  {strings.Repeat("a", dataset.MaxRecord+1) + "\n", "more than 1048576 bytes"},
		"many columns":    {"a,b,k" + strings.Repeat(",x", 5000) + "\n1\n", "more than 4096 columns"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Cut(strings.NewReader(test.text), scores.CSV, abk, 1<<20, func(int64) {})
			var row *dataset.RowError
			if !errors.As(err, &row) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v, want a RowError that says %q", err, test.words)
			}
		})
	}
}

// brokenReader returns some bytes, then fails.
type brokenReader struct{ io.Reader }

var errBroken = errors.New("the line is dead")

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errBroken
	}
	return n, err
}

func TestReaders_passOnWhatBreaks(t *testing.T) {
	text := strings.Repeat("1,2,3\n", 10)
	_, err := Cut(brokenReader{strings.NewReader("a,b,k\n" + text)}, scores.CSV, abk, 1<<20, func(int64) {})
	if !errors.Is(err, errBroken) {
		t.Errorf("Cut: %v", err)
	}
	_, err = Cut(brokenReader{strings.NewReader("")}, scores.JSONL, abk, 1<<20, func(int64) {})
	if !errors.Is(err, errBroken) {
		t.Errorf("Cut: %v", err)
	}
	long := brokenReader{strings.NewReader(strings.Repeat("1", 2*dataset.MaxRecord))}
	header := Header{Cells: 3, Features: []int{0, 1}, Keys: []int{2}}
	for name, r := range map[string]Reader{
		"csv":        NewCSV(brokenReader{strings.NewReader(text)}, abk, header, 2),
		"jsonl":      NewJSONL(brokenReader{strings.NewReader(`{"a":1`)}, abk, 1),
		"long jsonl": NewJSONL(long, abk, 1),
	} {
		b := NewBlock(abk)
		err := r.Read(b)
		for range 3 {
			if err == nil {
				err = r.Read(b)
			}
		}
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v, want the error of its reader", name, err)
		}
	}
}

func irisCSV(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("sepal_length,sepal_width,petal_length,petal_width\n")
	random := rand.New(rand.NewPCG(5, 6))
	for range rows {
		fmt.Fprintf(
			&b,
			"%.2f,%.2f,%.2f,%.2f\n",
			4+4*random.Float64(),
			2+2*random.Float64(),
			1+5*random.Float64(),
			2*random.Float64(),
		)
	}
	return b.Bytes()
}

var irisColumns = Columns{Features: []string{"sepal_length", "sepal_width", "petal_length", "petal_width"}}

func TestReaders_doNotAllocatePerRow(t *testing.T) {
	data := irisCSV(50_000)
	var lines bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&lines, `{"a":%d.5,"b":-1.25,"k":"key \"%d\""}`+"\n", i, i)
	}
	for name, test := range map[string]struct {
		rows   int
		c      Columns
		reader func() Reader
	}{
		"csv": {50_000, irisColumns, func() Reader {
			rows := bytes.NewReader(data[bytes.IndexByte(data, '\n')+1:])
			return NewCSV(rows, irisColumns, Header{Cells: 4, Features: []int{0, 1, 2, 3}}, 2)
		}},
		"jsonl": {20_000, abk, func() Reader { return NewJSONL(bytes.NewReader(lines.Bytes()), abk, 1) }},
	} {
		b := NewBlock(test.c)
		allocations := testing.AllocsPerRun(3, func() {
			r, rows := test.reader(), 0
			for r.Read(b) == nil {
				rows += b.Rows
			}
			if rows != test.rows {
				t.Fatalf("%s: %d rows, want %d", name, rows, test.rows)
			}
		})
		if allocations > 60 { // of the reader itself: windows and buffers
			t.Errorf("%s: %.0f allocations for %d rows, want none per row", name, allocations, test.rows)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	data := irisCSV(500_000)
	quoted := bytes.ReplaceAll(data, []byte("\n"), []byte(",\"a, b\"\n"))
	for name, text := range map[string][]byte{"plain": data, "quoted": quoted} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Cut(bytes.NewReader(text), scores.CSV, irisColumns, 2<<20, func(int64) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseRow(b *testing.B) {
	data := irisCSV(100_000)
	data = data[bytes.IndexByte(data, '\n')+1:]
	var lines bytes.Buffer
	for line := range bytes.Lines(data) {
		cells := strings.Split(strings.TrimSpace(string(line)), ",")
		fmt.Fprintf(
			&lines,
			`{"sepal_length":%s,"sepal_width":%s,"petal_length":%s,"petal_width":%s}`+"\n",
			cells[0],
			cells[1],
			cells[2],
			cells[3],
		)
	}
	for name, open := range map[string]func() Reader{
		"csv": func() Reader {
			return NewCSV(bytes.NewReader(data), irisColumns, Header{Cells: 4, Features: []int{0, 1, 2, 3}}, 2)
		},
		"jsonl": func() Reader { return NewJSONL(bytes.NewReader(lines.Bytes()), irisColumns, 1) },
	} {
		b.Run(name, func(b *testing.B) {
			block := NewBlock(irisColumns)
			b.ReportAllocs()
			for range b.N/100_000 + 1 {
				r := open()
				for r.Read(block) == nil {
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64((b.N/100_000+1)*100_000), "ns/row")
		})
	}
}
