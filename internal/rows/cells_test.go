package rows

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/scores"
)

var visits = datasettest.Visits()

func visitColumns(o dataset.OnUnseen) Columns {
	return Columns{Features: visits.Features, Keys: []string{"city"}, Cells: dataset.CellsOf(visits, o)}
}

// visitRow has the columns of visits in the types that a data frame gives them.
type visitRow struct {
	Age    int32      `parquet:"age,decimal(1:9)"` // tenths of years
	Fare   *float64   `parquet:"fare,optional"`
	Member bool       `parquet:"member"`
	City   string     `parquet:"city,dict"`
	Zip    *int64     `parquet:"zip,optional"`
	Since  *time.Time `parquet:"since,optional,timestamp(millisecond)"`
}

func visitsParquet(t testing.TB) []byte {
	t.Helper()
	noon := time.Date(1970, 1, 3, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	err := parquet.Write(&b, []visitRow{
		{Age: 315, Fare: new(7.5), Member: true, City: "Rome", Zip: new(int64(7)), Since: &noon},
		{Age: 400, City: "Oslo"},
		{Age: 10, Fare: new(math.NaN()), City: "3", Zip: new(int64(8))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same rows are the same numbers in each format.
func TestReaders_sameRowsInAllFormats(t *testing.T) {
	const want = `[31.5 7.5 1 1 1 2.5] ["Rome"]
[40 NaN 0 4 NaN NaN] ["Oslo"]
[1 NaN 0 2 3 NaN] ["3"]`
	for format, data := range map[scores.Format]string{
		scores.CSV: "since,zip,city,member,fare,age\n1970-01-03T12:00:00Z,7.0,Rome,yes,7.5,31.5\n" +
			",,Oslo,0,NA,40\nnull,8,\"3\",false,,1\n",
		scores.JSONL: `{"age":31.5,"fare":7.5,"member":true,"city":"Rome","zip":7,"since":2.5}` + "\n" +
			`{"age":"40","fare":null,"member":0,"city":"Oslo"}` + "\n" +
			`{"age":1,"member":"no","city":3,"zip":8,"since":""}` + "\n",
	} {
		for _, target := range []int64{1, 1 << 20} {
			got, bad, _ := read(t, []byte(data), format, visitColumns(dataset.UnseenOther), target)
			if strings.Join(got, "\n") != want || len(bad) > 0 {
				t.Errorf("%s:\n%s\n%v; want\n%s", format, strings.Join(got, "\n"), bad, want)
			}
		}
	}
	got, bad := drainParquet(t, visitsParquet(t), visitColumns(dataset.UnseenOther))
	if strings.Join(got, "\n") != want || len(bad) > 0 {
		t.Errorf("parquet:\n%s\n%v; want\n%s", strings.Join(got, "\n"), bad, want)
	}
}

func drainParquet(t testing.TB, data []byte, c Columns) ([]string, []Bad) {
	t.Helper()
	cuts, err := CutParquet(bytes.NewReader(data), int64(len(data)), c, 1000, 10)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewParquet(bytes.NewReader(data), int64(len(data)), c, cuts.Shards[0])
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // read only
	return drain(t, r, c, nil, nil)
}

func TestReaders_badCells(t *testing.T) {
	const header = "age,fare,member,city,zip,since\n"
	for _, c := range []struct {
		format       scores.Format
		onUnseen     dataset.OnUnseen
		data, column string
		reason       string
	}{
		{scores.CSV, "", header + ",1,yes,Rome,,\n", "age", "empty cell, want a number"},
		{scores.CSV, "", header + "1,1,perhaps,Rome,,\n", "member", `"perhaps" is neither true nor false`},
		{scores.CSV, "", header + "1,1,yes,Rome,,\"soon\"\n", "since", `"soon" is not a date`},
		{scores.CSV, dataset.UnseenError, header + "1,1,yes,Oslo,,\n", "city", `"Oslo" was not seen in training`},
		{scores.JSONL, "", `{"age":null,"member":1,"city":"Rome"}`, "age", "null, want a number"},
		{scores.JSONL, "", `{"age":1,"member":1}`, "city", "missing"},
		{
			scores.JSONL, dataset.UnseenError, `{"age":1,"member":1,"city":"Rome","zip":5}`, "zip",
			`"5" was not seen in training`,
		},
	} {
		got, bad, _ := read(t, []byte(c.data), c.format, visitColumns(c.onUnseen), 100)
		if len(got) != 0 || len(bad) != 1 || bad[0].Column != c.column || bad[0].Reason != c.reason {
			t.Errorf("%s: %v, %+v; want %s: %s", c.data, got, bad, c.column, c.reason)
		}
	}
	got, bad := drainParquet(t, visitsParquet(t), visitColumns(dataset.UnseenError))
	if len(got) != 1 || len(bad) != 2 || bad[0].Line != 2 || bad[0].Column != "city" ||
		bad[0].Reason != `"Oslo" was not seen in training` {
		t.Errorf("parquet: %v, %+v", got, bad)
	}
}

// A column of dates, texts or truth values is no feature of a model of numbers.
func TestParquet_numbersAlone(t *testing.T) {
	data := visitsParquet(t)
	for _, name := range []string{"age", "member", "city", "since"} {
		_, err := CutParquet(bytes.NewReader(data), int64(len(data)), Columns{Features: []string{name}}, 1000, 10)
		if err == nil || !strings.Contains(err.Error(), "want a number") {
			t.Errorf("%s: %v, want that it is not a number", name, err)
		}
	}
}

// A blank line of a table of one column is not a row, and a quoted empty cell is one with a missing value.
func TestCSV_oneColumnWithMissingValues(t *testing.T) {
	s := dataset.Schema{
		Features: []string{
			"zip",
		},
		Columns: []dataset.Column{{Kind: dataset.Categorical, Levels: []string{"a"}, Missing: true}},
	}
	c := Columns{Features: s.Features, Cells: dataset.NewCells(s)}
	got, bad, _ := read(t, []byte("zip\na\n\n  \n\"\"\nb\n"), scores.CSV, c, 100)
	if want := []string{"[0] []", "[NaN] []", "[1] []"}; !slices.Equal(got, want) || len(bad) > 0 {
		t.Errorf("%v, %v; want %v", got, bad, want)
	}
}

func TestReaders_cellsDoNotAllocatePerRow(t *testing.T) {
	const rows = 20_000
	table := []byte(strings.Repeat("31.5,,yes,Rome,unseen,1970-01-03\n", rows))
	lines := []byte(
		strings.Repeat(`{"age":1,"fare":null,"member":true,"city":"Rome","zip":7,"since":"1970-01-03"}`+"\n", rows),
	)
	c := visitColumns(dataset.UnseenOther)
	h := Header{Cells: 6, Features: []int{0, 1, 2, 3, 4, 5}, Keys: []int{3}}
	b := NewBlock(c)
	for name, reader := range map[string]func() Reader{
		"csv":   func() Reader { return NewCSV(bytes.NewReader(table), c, h, 2) },
		"jsonl": func() Reader { return NewJSONL(bytes.NewReader(lines), c, 1) },
	} {
		allocations := testing.AllocsPerRun(3, func() {
			r, n := reader(), 0
			for r.Read(b) == nil {
				n += b.Rows
			}
			if n != rows {
				t.Fatalf("%s: %d rows, want %d", name, n, rows)
			}
		})
		if allocations > 60 { // of the reader itself: windows and buffers
			t.Errorf("%s: %.0f allocations for %d rows, want none per row", name, allocations, rows)
		}
	}
}

// FuzzCSV_mixed checks that shards of any size have the same rows, whose values the columns allow.
func FuzzCSV_mixed(f *testing.F) {
	const header = "age,fare,member,city,zip,since\n"
	for _, text := range []string{
		"31.5,,yes,Rome,7.0,1970-01-03\n1,NA,0,,,\n", "1,2,t,\"Ro\"\"me\",\"\n\",x\r\n , ,no, 3 ,?,\n", "1,1,1,1,1,1",
	} {
		f.Add([]byte(text), uint8(20))
	}
	c := visitColumns(dataset.UnseenOther)
	f.Fuzz(func(t *testing.T, text []byte, target uint8) {
		data := append([]byte(header), text...)
		if _, err := Cut(bytes.NewReader(data), scores.CSV, c, 1<<20, func(int64) {}); err != nil {
			return
		}
		whole, bad, cuts := read(t, data, scores.CSV, c, 1<<20)
		pieces, badPieces, _ := read(t, data, scores.CSV, c, int64(target)+1)
		if !slices.Equal(whole, pieces) || fmt.Sprint(bad) != fmt.Sprint(badPieces) {
			t.Fatalf("%q: rows %v and %v, bad rows %v and %v", data, whole, pieces, bad, badPieces)
		}
		r := NewCSV(bytes.NewReader(data[cuts.Shards[0].Offset:]), c, cuts.Header, cuts.Shards[0].Line)
		for b := NewBlock(c); r.Read(b) == nil; {
			for i, v := range b.X {
				if reason := visits.Column(i % len(visits.Features)).CheckValue(v); reason != "" {
					t.Fatalf("%q: %s", data, reason)
				}
			}
		}
	})
}
