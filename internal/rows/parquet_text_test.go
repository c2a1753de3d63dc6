package rows

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"iris/internal/dataset"
)

// keysOf reads all columns of a Parquet file as keys.
func keysOf(t *testing.T, data []byte) (keys []string, bad []Bad, err error) {
	t.Helper()
	names, err := ParquetColumns(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	c := Columns{Keys: names}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := NewParquet(bytes.NewReader(data), int64(len(data)), c, Shard{Length: f.NumRows(), Line: 1})
	if err != nil {
		return nil, nil, err
	}
	defer reader.Close() //nolint:errcheck // read only
	b := NewBlock(c)
	if err := reader.Read(b); err != nil {
		t.Fatal(err)
	}
	for _, key := range b.Keys {
		keys = append(keys, string(key))
	}
	return keys, b.Bad, nil
}

// The files are of pyarrow, which writes types that parquet-go does not.
func TestParquet_keysOfPyarrow(t *testing.T) {
	for file, want := range map[string]string{
		"decimal128_flba":   `["1.25" "2" "-3.50" "4"]`,
		"decimal_int32_key": `["1" "2" "1.20" "3" "4" "-3.50"]`,
		"decimal_int64_key": `["1" "2" "1.20" "3" "4" "-3.50"]`,
		"decimal_key":       `["1" "2" "1.20" "3" "4" "-3.50"]`,
		"float16_key":       `["1" "2" "1.5"]`,
		"int96_ts_key":      `["1" "2" "2026-01-01T12:00:00"]`,
		"time_key":          `["1" "2" "12:30:00"]`,
		"timestamp_key": `["1" "2" "2026-01-01T12:00:00.123456" "2026-01-01" ` +
			`"3" "4" "2026-01-01T12:00:00.123456" "2026-01-01"]`,
		"dup_col":         `column "x": appears twice`,
		"latin_key_jsonl": `[] line 1, column "id": not UTF-8`,
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", file+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			keys, bad, err := keysOf(t, data)
			got := fmt.Sprintf("%q", keys)
			if err != nil {
				got = err.Error()
			}
			for _, b := range bad {
				got += " " + b.Error()
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestParquet_keysOfLogicalTypes(t *testing.T) {
	type row struct {
		Small float32   `parquet:"small"`
		Large float64   `parquet:"large"`
		At    time.Time `parquet:"at,timestamp(nanosecond)"`
		Day   int32     `parquet:"day,date"`
		ID    [16]byte  `parquet:"id,uuid"`
		Cents int64     `parquet:"cents,decimal(2:18)"`
		Milli int32     `parquet:"milli,decimal(3:9)"`
		Clock int64     `parquet:"clock,time(microsecond)"`
		Kind  string    `parquet:"kind,enum"`
		Yes   *bool     `parquet:"yes,optional"`
	}
	yes := true
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{
		{
			Small: 0.1, Large: 1234567, At: time.Date(1969, 12, 31, 23, 59, 59, 500, time.UTC), Day: -1,
			ID:    [16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10},
			Cents: -5, Milli: 1200, Clock: 3_600_000_001, Kind: "a", Yes: &yes,
		},
		{At: time.Unix(0, 0), Large: 1e-7, Cents: math.MinInt64},
	}); err != nil {
		t.Fatal(err)
	}
	keys, bad, err := keysOf(t, b.Bytes())
	want := `["0.1" "1234567" "1969-12-31T23:59:59.0000005Z" "1969-12-31" "01234567-89ab-cdef-fedc-ba9876543210" ` +
		`"-0.05" "1.200" "01:00:00.000001" "a" "true" ` +
		`"0" "1e-07" "1970-01-01T00:00:00Z" "1970-01-01" "00000000-0000-0000-0000-000000000000" "-92233720368547758.08" ` +
		`"0.000" "00:00:00" "" ""]`
	if got := fmt.Sprintf("%q", keys); got != want || len(bad) > 0 || err != nil {
		t.Errorf("got %s, %v, %v, want %s", got, bad, err, want)
	}
}

// Writers before version 2.4 of the format told types another way.
func TestParquet_convertedTypes(t *testing.T) {
	long := bytes.Repeat([]byte{1}, maxDecimal+1)
	for _, test := range []struct {
		name      string
		converted deprecated.ConvertedType
		scale     int32
		value     parquet.Value
		want      string
	}{
		{"decimal", deprecated.Decimal, 2, parquet.Int32Value(120), "1.20"},
		{"decimal in bytes", deprecated.Decimal, 3, parquet.ByteArrayValue([]byte{0xff, 0xfe}), "-0.002"},
		{"decimal that is too long", deprecated.Decimal, 0, parquet.ByteArrayValue(long), "a decimal of 513 bytes"},
		{"decimal of a bad scale", deprecated.Decimal, -1, parquet.Int32Value(1), "a decimal with -1 digits after its point"},
		{"date", deprecated.Date, 0, parquet.Int32Value(365), "1971-01-01"},
		{"timestamp", deprecated.TimestampMillis, 0, parquet.Int64Value(1), "1970-01-01T00:00:00.001Z"},
		{"timestamp in microseconds", deprecated.TimestampMicros, 0, parquet.Int64Value(1), "1970-01-01T00:00:00.000001Z"},
		{"time", deprecated.TimeMillis, 0, parquet.Int32Value(1), "00:00:00.001"},
		{"time in microseconds", deprecated.TimeMicros, 0, parquet.Int64Value(1), "00:00:00.000001"},
		{"unsigned", deprecated.Uint64, 0, parquet.Int64Value(-1), "18446744073709551615"},
		{"signed", deprecated.Int8, 0, parquet.Int32Value(-1), "-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			element := &format.SchemaElement{}
			element.ConvertedType.V, element.ConvertedType.Valid = test.converted, true
			element.Scale.V, element.Scale.Valid = test.scale, true
			got, reason := textOf(test.value.Kind(), element)(nil, test.value)
			if text := string(got) + reason; text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

func TestFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xbe00: -1.5, 0x7bff: 65504, 0x0001: 1.0 / (1 << 24), 0x8400: -1.0 / (1 << 14),
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)),
	} {
		if got := float16(bits); got != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	if got := float16(0x7e00); got == got { //nolint:gocritic // NaN is not equal to itself
		t.Errorf("0x7e00 is %v, want NaN", got)
	}
}

func TestParquetColumns_notParquet(t *testing.T) {
	_, err := ParquetColumns(bytes.NewReader([]byte("a,b\n")), 4)
	var row *dataset.RowError
	if !errors.As(err, &row) {
		t.Errorf("%v, want a *dataset.RowError", err)
	}
}
