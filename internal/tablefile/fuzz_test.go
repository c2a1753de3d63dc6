package tablefile_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/tablefile"
)

// FuzzOpen opens anything. What comes out is the same however it arrives, keeps its limit, and is UTF-8 that
// encoding/csv reads if it was converted.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(plainCustomers), "table.csv")
	f.Add([]byte("\ufeffx;y\r\n1,5;2\r\n"), "")
	f.Add(utf16le("x\ty\n1,5\t2\n", true), "")
	f.Add([]byte("x|y\r1|\"2\r3\"\r"), "")
	f.Add([]byte("{\"a\":1}\n{\"b\":null,\"a\":\"\\n\"}"), "a.jsonl")
	f.Add(gzipped(f, []byte("a,b\n1,2\n")), "a.gz")
	f.Add(zipped(f, []byte("a;b\n1;2\n"), "a.csv"), "")
	f.Add([]byte("PAR1\x15\x00PAR1"), "")
	f.Fuzz(func(t *testing.T, file []byte, name string) {
		const limit = 1 << 20
		o := tablefile.Options{Name: name, MaxBytes: limit}
		got, found, err := read(t, file, o)
		r, errAgain := tablefile.Open(iotest.HalfReader(bytes.NewReader(file)), o)
		var again []byte
		if errAgain == nil {
			again, errAgain = io.ReadAll(iotest.OneByteReader(r))
			_ = r.Close()
		}
		if got != string(again) || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("%q, %v, but in pieces %q, %v", got, err, again, errAgain)
		}
		if err != nil {
			var row *dataset.RowError
			if !errors.As(err, &row) && !errors.Is(err, dataset.ErrTooLarge) || !utf8.ValidString(err.Error()) {
				t.Fatalf("%T %v, want one for users", err, err)
			}
			return
		}
		if len(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("%d bytes, or not UTF-8", len(got))
		}
		if !found.Converted && got != string(file) {
			t.Fatalf("%q became %q, but it says that it did not change", file, got)
		}
		marked := strings.HasPrefix(string(file), dataset.ByteOrderMark) && found.Delimiter == "," && found.Compression == ""
		if !found.Converted || marked || found.Compression != "" {
			return
		}
		reader := csv.NewReader(strings.NewReader(got))
		reader.FieldsPerRecord = -1
		if _, err := reader.ReadAll(); err != nil {
			t.Fatalf("%q became %q: %v", file, got, err)
		}
	})
}

// FuzzCSV writes a table in a dialect and reads it again: the cells are the same.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\x00c;d\x00\"e\"\nf", byte(2), byte(0), false)
	f.Add("1\x002\x00 \x00\x00\t\x00x", byte(3), byte(2), true)
	f.Add("|\x00\r\n", byte(2), byte(3), false)
	f.Fuzz(func(t *testing.T, text string, width, which byte, quoteAll bool) {
		columns := 2 + int(width%8)
		if !utf8.ValidString(text) || strings.Contains(text, "\r") || len(text) > 10_000 {
			return
		}
		var want [][]string
		for row := range slices.Chunk(strings.Split(text, "\x00"), columns) {
			for len(row) < columns {
				row = append(row, "")
			}
			want = append(want, row)
		}
		delimiter := []string{",", ";", "\t", "|"}[which%4]
		var b strings.Builder
		for _, row := range want {
			for i, cell := range row {
				if i > 0 {
					b.WriteString(delimiter)
				}
				if quoteAll || strings.ContainsAny(cell, delimiter+"\"\n") {
					cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
				}
				b.WriteString(cell)
			}
			b.WriteString("\n")
		}
		file := utf16le(b.String(), true) // so that a comma is converted too
		o := tablefile.Options{Reading: tablefile.Reading{Delimiter: delimiter, Decimal: "."}}
		csvText, _, err := read(t, file, o)
		if strings.ContainsRune(text, utf8.RuneError) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		reader := csv.NewReader(strings.NewReader(csvText))
		got, err := reader.ReadAll()
		if err != nil {
			t.Fatalf("%q became %q: %v", b.String(), csvText, err)
		}
		for i := range want {
			want[i] = slices.Clone(want[i])
		}
		if marks := strings.TrimPrefix(want[0][0], "\ufeff"); !quoteAll && marks != want[0][0] {
			return // the first cell begins with a byte order mark
		}
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q became %q", want, got)
		}
	})
}

// FuzzDialect checks that the delimiter is found, whatever is in quotes, and that plain numbers keep their values.
func FuzzDialect(f *testing.F) {
	f.Add("a,b;c\td|e", uint16(15), byte(1))
	f.Add("\"\"", uint16(1234), byte(2))
	f.Fuzz(func(t *testing.T, text string, number uint16, which byte) {
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\ufffd\ufeff") || len(text) > 1000 {
			return
		}
		delimiter := []string{";", "\t", "|"}[which%3]
		quoted := `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		whole, part := number/10, number%10
		var b strings.Builder
		b.WriteString("name" + delimiter + "x\n")
		for range 3 {
			b.WriteString(quoted + delimiter)
			b.WriteString(strings.Join([]string{digits(whole), digits(part)}, ",") + "\n")
		}
		got, found, err := read(t, []byte(b.String()), tablefile.Options{})
		if err != nil || found.Delimiter != delimiter {
			t.Fatalf("%q: %+v, %v, want the delimiter %q", b.String(), found, err, delimiter)
		}
		records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		if err != nil || len(records) != 4 || len(records[3]) != 2 {
			t.Fatalf("%q became %q: %v", b.String(), got, err)
		}
		if found.Decimal == "," && records[3][1] != digits(whole)+"."+digits(part) {
			t.Fatalf("%q became %q", b.String(), got)
		}
	})
}

func digits(n uint16) string {
	text := []byte{}
	for ; n > 9; n /= 10 {
		text = append(text, byte('0'+n%10))
	}
	text = append(text, byte('0'+n))
	slices.Reverse(text)
	return string(text)
}
