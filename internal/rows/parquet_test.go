package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"iris/internal/dataset"
)

type tableRow struct {
	B    float64  `parquet:"b"`
	Skip string   `parquet:"skip"`
	A    *float64 `parquet:"a,optional"`
	K    string   `parquet:"k,dict"`
}

// table returns a Parquet file with row groups of the given sizes. Every seventh row has no a.
func table(t testing.TB, groups ...int) ([]byte, []string, []int64) {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[tableRow](&b, parquet.PageBufferSize(1000))
	var want []string
	var bad []int64
	n := 0
	for _, size := range groups {
		for range size {
			row := tableRow{B: float64(n) / 4, Skip: "x", K: fmt.Sprint("key ", n)}
			if n%7 != 3 {
				a := float64(-n)
				row.A = &a
				want = append(want, fmt.Sprintf("%v %q", []float64{a + 0, row.B}, []string{row.K}))
			} else {
				bad = append(bad, int64(n+1))
			}
			if _, err := w.Write([]tableRow{row}); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), want, bad
}

func TestParquet_everyRowOnceWhateverTheShards(t *testing.T) {
	data, want, wantBad := table(t, 3000, 10, 20, 30, 1, 5000, 700)
	for _, limits := range [][2]int64{{1, 1000}, {50, 1000}, {2500, 1000}, {1 << 20, 1000}, {1, 5}, {1, 0}} {
		r := bytes.NewReader(data)
		cuts, err := CutParquet(r, int64(len(data)), abk, limits[0], limits[1])
		if err != nil {
			t.Fatal(err)
		}
		if cuts.Rows != 8761 || int64(len(cuts.Shards)) > limits[1]+1 {
			t.Errorf("limits %v: %d rows in %d shards", limits, cuts.Rows, len(cuts.Shards))
		}
		var got []string
		var bad []Bad
		for _, s := range cuts.Shards {
			reader, err := NewParquet(r, int64(len(data)), abk, s)
			if err != nil {
				t.Fatal(err)
			}
			got, bad = drain(t, reader, abk, got, bad)
			if err := reader.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(want) || len(bad) != len(wantBad) {
			t.Fatalf("limits %v: %d rows and %d bad ones, want %d and %d", limits, len(got), len(bad), len(want), len(wantBad))
		}
		for i := range got {
			if got[i] != strings.ReplaceAll(want[i], "[-0 ", "[0 ") {
				t.Fatalf("limits %v: row %d is %s, want %s", limits, i, got[i], want[i])
			}
		}
		for i := range bad {
			if bad[i].Line != wantBad[i] || bad[i].Column != "a" || bad[i].Reason != "null, want a number" {
				t.Fatalf("limits %v: bad row %+v, want row %d without a", limits, bad[i], wantBad[i])
			}
		}
	}
}

func TestParquet_kindsOfColumns(t *testing.T) {
	type row struct {
		F  float32   `parquet:"f"`
		I  int32     `parquet:"i"`
		L  int64     `parquet:"l"`
		U  uint32    `parquet:"u"`
		V  uint64    `parquet:"v"`
		D  float64   `parquet:"d"`
		OK bool      `parquet:"ok"`
		At time.Time `parquet:"at,timestamp"`
		XS []float64 `parquet:"xs,list"`
		N  *string   `parquet:"n,optional"`
		S  string    `parquet:"s"`
	}
	var b bytes.Buffer
	rows := []row{
		{F: 0.5, I: -1, L: math.MinInt64, U: math.MaxUint32, V: math.MaxUint64, D: 1.5, OK: true, S: "a"},
		{D: math.NaN()},
		{D: math.Inf(-1)},
	}
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	c := Columns{
		Features: []string{"f", "i", "l", "u", "v", "d"},
		Keys:     []string{"f", "i", "l", "u", "v", "d", "ok", "n", "s"},
	}
	reader, err := NewParquet(bytes.NewReader(data), int64(len(data)), c, Shard{Length: 3, Line: 1, Rows: 3})
	if err != nil {
		t.Fatal(err)
	}
	got, bad := drain(t, reader, c, nil, nil)
	want := `[0.5 -1 -9.223372036854776e+18 4.294967295e+09 1.8446744073709552e+19 1.5] ` +
		`["0.5" "-1" "-9223372036854775808" "4294967295" "18446744073709551615" "1.5" "true" "" "a"]`
	if len(got) != 1 || got[0] != want {
		t.Errorf("rows %s, want %s", got, want)
	}
	if len(bad) != 2 || bad[0].Reason != "NaN is not a finite number" || bad[1].Reason != "-Inf is not a finite number" {
		t.Errorf("bad rows %v, want NaN and -Inf", bad)
	}
	for _, column := range []string{"ok", "at", "xs", "s", "missing"} {
		_, err := CutParquet(bytes.NewReader(data), int64(len(data)), Columns{Features: []string{column}}, 1, 1)
		var bad *dataset.RowError
		if !errors.As(err, &bad) || bad.Column != column {
			t.Errorf("feature %s: %v, want a refusal that names it", column, err)
		}
	}
}

// failingAt fails after some reads.
type failingAt struct {
	*bytes.Reader
	left int
}

func (f *failingAt) ReadAt(p []byte, offset int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errBroken
	}
	return f.Reader.ReadAt(p, offset)
}

// A failing store is not a damaged file: a retry may succeed.
func TestParquet_passesOnWhatBreaks(t *testing.T) {
	data, _, _ := table(t, 3000, 3000)
	for left := range 40 {
		r := &failingAt{bytes.NewReader(data), left}
		err := func() error {
			reader, err := NewParquet(r, int64(len(data)), abk, Shard{Length: 6000, Line: 1})
			if err != nil {
				return err
			}
			defer reader.Close() //nolint:errcheck // only read from
			b := NewBlock(abk)
			for err == nil {
				err = reader.Read(b)
			}
			return err
		}()
		if errors.Is(err, io.EOF) && left > 2 {
			return // enough reads
		}
		if !errors.Is(err, errBroken) {
			t.Fatalf("after %d reads: %v, want the error of the reader", left, err)
		}
	}
	t.Error("40 reads were not enough for two row groups")
}

func FuzzParquet(f *testing.F) {
	data, _, _ := table(f, 20, 5)
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		cuts, err := CutParquet(r, int64(len(data)), abk, 7, 100)
		if err != nil || cuts.Rows > 1000 {
			return
		}
		for _, s := range cuts.Shards {
			reader, err := NewParquet(r, int64(len(data)), abk, s)
			if err != nil {
				continue
			}
			b := NewBlock(abk)
			for err == nil {
				err = reader.Read(b)
			}
			_ = reader.Close()
		}
	})
}
