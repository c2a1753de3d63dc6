package jsonrow_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

func TestDecodeRawRows(t *testing.T) {
	d := jsonrow.NewDecoder([]string{"a", "b"})
	const data = ` [{"a":1.50,"id":"x\ny","b":-0},{"b":2e0,"skipped":{"id":9},"a":3},{"id":1,"id":[2],"a":4,"b":5}] `
	want := [][]string{{"1.50", "-0", `"x\ny"`}, {"3", "2e0", "-"}, {"4", "5", "[2]"}}
	var got [][]string
	n, err := d.DecodeRawRows([]byte(data), []string{"id"}, func(x []float64, raw *jsonrow.RawRow) error {
		id := string(raw.Others[0])
		if raw.Others[0] == nil {
			id = "-"
		}
		got = append(got, []string{string(raw.Values[0]), string(raw.Values[1]), id})
		for i, number := range raw.Values {
			if v, err := strconv.ParseFloat(string(number), 64); err != nil || v != x[i] {
				t.Errorf("%s was read as %v", number, x[i])
			}
		}
		return nil
	})
	if err != nil || n != len(want) {
		t.Fatalf("%d rows, %v", n, err)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("row %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func TestDecodeRawRows_badRow(t *testing.T) {
	d := jsonrow.NewDecoder([]string{"a"})
	ignore := func([]float64, *jsonrow.RawRow) error { return nil }
	_, err := d.DecodeRawRows([]byte(`[{"a":1},{"id":7}]`), []string{"id"}, ignore)
	var bad *dataset.RowError
	if !errors.As(err, &bad) || bad.Pointer != "/data/1/a" {
		t.Errorf("got %v, want the pointer /data/1/a", err)
	}
}

func TestAppendShortest(t *testing.T) {
	for number, want := range map[string]string{
		"5.1": "5.1", "-0.25": "-0.25", "0": "0", "-0": "-0", "0.0": "0", "-0.0": "-0", "1.50": "1.5", "100000": "100000",
		"1000000": "1e+06", "123456.789": "123456.789", "1234567.5": "1.2345675e+06", "0.0001": "0.0001",
		"0.00010": "0.0001", "0.00001": "1e-05", "1e2": "100", "1E+2": "100", "2.50e0": "2.5",
		"0.1000000000000000055511151231257827": "0.1", "123456789012345678": "1.2345678901234568e+17",
	} {
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(jsonrow.AppendShortest([]byte("x"), []byte(number), value)); got != "x"+want {
			t.Errorf("%s became %s, want %s", number, got[1:], want)
		}
	}
}

// What is copied must be what strconv writes.
func FuzzAppendShortest(f *testing.F) {
	for _, number := range []string{
		"5.1", "-0.25", "0", "-0", "0.0", "1.50", "100000", "1000000", "0.0001", "0.00001", "1e2", "99999.9999999999",
		"0.999999999999999", "123456.789012345", "0.000100000000001", "12345.0", "0.1234567890123456",
	} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		x := make([]float64, 1)
		if err := jsonrow.NewDecoder([]string{"a"}).DecodeRow([]byte(`{"a":`+number+`}`), x); err != nil {
			return
		}
		_, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return // blanks around the number
		}
		want := strconv.FormatFloat(x[0], 'g', -1, 64)
		if got := string(jsonrow.AppendShortest(nil, []byte(number), x[0])); got != want {
			t.Errorf("%s became %s, want %s", number, got, want)
		}
	})
}
