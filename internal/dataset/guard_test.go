package dataset_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// endless repeats a text without end, counts the bytes that were read, and looks at the heap at every MiB.
type endless struct {
	text string
	read int
	peak uint64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.text[(e.read+n)%len(e.text):])
	}
	if e.read>>20 != (e.read+n)>>20 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		e.peak = max(e.peak, now.HeapAlloc)
	}
	e.read += n
	return n, nil
}

func TestScan_memory(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		limit  int // bytes read before Scan gives up
		header string
	}{
		"one line":        {text: "1", limit: 2 << 20},
		"an open quote":   {text: "virginica\n", limit: 2 << 20, header: "a,label\n1,\""},
		"commas":          {text: ",", limit: 1 << 20},
		"rows":            {text: "1.0000000000,x\n2.0000000000,y\n", limit: 17 << 20, header: "a,label\n"},
		"distinct labels": {text: strings.Repeat("x", 300) + ",", limit: 2 << 20, header: "a,label\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			source := &endless{text: strings.Repeat(c.text, 1+(64<<10)/len(c.text))}
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := dataset.Scan(io.MultiReader(strings.NewReader(c.header), source), dataset.ScanOptions{MaxBytes: 16 << 20})
			runtime.ReadMemStats(&after)
			peak := max(source.peak, after.HeapAlloc)
			if err == nil {
				t.Fatal("no error for an endless file")
			}
			if source.read > c.limit {
				t.Errorf("%d bytes read before %v, want at most %d", source.read, err, c.limit)
			}
			if grown := int64(peak) - int64(before.HeapAlloc); grown > 14<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

func TestScan_limitsAreReachable(t *testing.T) {
	var header, row strings.Builder
	for i := range 4095 {
		header.WriteString("f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + ",")
		row.WriteString("1.5,")
	}
	csv := header.String() + "label\n"
	for i := range 4 {
		csv += row.String() + "c" + string(rune('0'+i%2)) + "\n"
	}
	got, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatalf("4096 columns: %v", err)
	}
	if n := len(got.Schema.Features); n != 4095 {
		t.Errorf("%d features, want 4095", n)
	}

	var classes strings.Builder
	classes.WriteString("a,label\n")
	for i := range 2000 {
		classes.WriteString("1," + string(rune(0x4e00+i%1000)) + "\n")
	}
	got, err = dataset.Scan(strings.NewReader(classes.String()), dataset.ScanOptions{})
	if err != nil || len(got.Schema.Classes) != 1000 {
		t.Errorf("%d classes, error %v, want 1000", len(got.Schema.Classes), err)
	}

	// Blanks stretch a row to the limit of a record.
	record := func(n int) string { return "a,label\n1" + strings.Repeat(" ", n-len("1,x")) + ",x\n1,x\n1,y\n1,y\n" }
	if _, err = dataset.Scan(strings.NewReader(record(1<<20)), dataset.ScanOptions{}); err != nil {
		t.Errorf("a row of 1 MiB: %v", err)
	}
	var tooLong *dataset.RowError
	_, err = dataset.Scan(strings.NewReader(record(1<<20+1)), dataset.ScanOptions{})
	if !errors.As(err, &tooLong) || tooLong.Line != 2 {
		t.Errorf("a row of 1 MiB and a byte: error %v, want one about line 2", err)
	}
}
