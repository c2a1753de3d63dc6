package tablefile_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/parquet-go/parquet-go"

	"iris/internal/dataset"
	"iris/internal/tablefile"
)

// read returns the plain CSV of a file.
func read(t testing.TB, file []byte, o tablefile.Options) (string, tablefile.Dialect, error) {
	t.Helper()
	r, err := tablefile.Open(bytes.NewReader(file), o)
	if err != nil {
		return "", tablefile.Dialect{}, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	csv, err := io.ReadAll(r)
	return string(csv), r.Found(), err
}

func utf16le(text string, mark bool) []byte {
	var b []byte
	if mark {
		b = []byte{0xff, 0xfe}
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return b
}

func utf16be(text string) []byte {
	b := utf16le(text, true)
	for i := 0; i < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return b
}

func gzipped(t testing.TB, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipped returns a zip file of files with these names and the same content.
func zipped(t testing.TB, file []byte, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil && !strings.HasSuffix(name, "/") {
			_, err = f.Write(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// customer is a row of the table that the tests write in many forms.
type customer struct {
	ID   int64    `parquet:"id"`
	Name string   `parquet:"name,dict"`
	X    *float64 `parquet:"x,optional"`
	Cost int64    `parquet:"cost,decimal(2:18)"`
	Day  int32    `parquet:"day,date"`
	Paid bool     `parquet:"paid"`
}

func half(v float64) *float64 { return &v }

var customers = []customer{
	{1, "Köln, \"Dom\"", half(0.5), 120, 0, true},
	{2, "a;b|c\td", nil, -5, 365, false},
	{3, "two\nlines", half(-1234567.25), 100000, -1, true},
}

const plainCustomers = `id,name,x,cost,day,paid
1,"Köln, ""Dom""",0.5,1.20,1970-01-01,true
2,a;b|c	d,,-0.05,1971-01-01,false
3,"two
lines",-1234567.25,1000.00,1969-12-31,true
`

// The same table is the same CSV, and so the same dataset, in whatever form it comes.
func TestOpen_oneTableInManyForms(t *testing.T) {
	semicolons := `id;name;x;cost;day;paid
1;"Köln, ""Dom""";0,5;1,20;1970-01-01;true
2;"a;b|c	d";;-0,05;1971-01-01;false
3;"two
lines";-1.234.567,25;1000,00;1969-12-31;true
`
	tabs := "id\tname\tx\tcost\tday\tpaid\r\n1\t\"Köln, \"\"Dom\"\"\"\t0.5\t1.20\t1970-01-01\ttrue\r\n" +
		"2\t\"a;b|c\td\"\t\t-0.05\t1971-01-01\tfalse\r\n \r\n3\t\"two\r\nlines\"\t-1234567.25\t1000.00\t1969-12-31\ttrue\r\n"
	pipes := "id|name|x|cost|day|paid\n1|\"Köln, \"\"Dom\"\"\"|0.5|1.20|1970-01-01|true\n" +
		"2|\"a;b|c\td\"||-0.05|1971-01-01|false\n\n3|\"two\nlines\"|-1234567.25|1000.00|1969-12-31|true"
	objects := `{"id":1,"name":"K\u00f6ln, \"Dom\"","x":0.5,"cost":1.20,"day":"1970-01-01","paid":true}

{"paid":false,"id":2,"name":"a;b|c\td","x":null,"cost":"-0.05","day":"1971-01-01"}
  {"id":3,"name":"two\nlines","x":-1234567.25,"cost":1000.00,"day":"1969-12-31","paid":true}`
	var columns bytes.Buffer
	if err := parquet.Write(&columns, customers); err != nil {
		t.Fatal(err)
	}
	latin := bytes.ReplaceAll([]byte(plainCustomers), []byte("ö"), []byte{0xf6})
	type form struct {
		file      []byte
		options   tablefile.Options
		converted bool
	}
	forms := map[string]form{
		"plain": {file: []byte(plainCustomers)},
		"plain, and said so": {
			file: []byte(plainCustomers),
			options: tablefile.Options{
				Reading: tablefile.Reading{Delimiter: "comma", Decimal: "point", Encoding: "utf8", Header: "true"},
			},
		},
		"one mark":          {file: []byte("\ufeff" + plainCustomers), converted: true},
		"two marks":         {file: []byte("\ufeff\ufeff" + plainCustomers), converted: true},
		"UTF-16":            {file: utf16le(plainCustomers, true), converted: true},
		"big-endian UTF-16": {file: utf16be(plainCustomers), converted: true},
		"UTF-16 without mark": {
			file:      utf16le(plainCustomers, false),
			options:   tablefile.Options{Reading: tablefile.Reading{Encoding: "utf-16le"}},
			converted: true,
		},
		"Latin-1": {
			file:      latin,
			options:   tablefile.Options{Reading: tablefile.Reading{Encoding: "Latin1"}},
			converted: true,
		},
		"tabs, CRLF":           {file: []byte(tabs), converted: true},
		"semicolons, commas":   {file: []byte(semicolons), converted: true},
		"pipes":                {file: []byte(pipes), converted: true},
		"semicolons in UTF-16": {file: utf16le("\ufeff"+semicolons, true), converted: true},
		"CR": {
			file:      []byte(strings.ReplaceAll(plainCustomers, "\n", "\r")),
			converted: true,
		},
		"gzip": {file: gzipped(t, []byte(plainCustomers)), converted: true},
		"gzip in two members": {
			file:      append(gzipped(t, []byte(plainCustomers[:40])), gzipped(t, []byte(plainCustomers[40:]))...),
			converted: true,
		},
		"tabs in gzip": {
			file:      gzipped(t, []byte(tabs)),
			options:   tablefile.Options{Name: "C:\\data\\Table.TSV.GZ"},
			converted: true,
		},
		"zip": {
			file:      zipped(t, []byte(plainCustomers), "folder/", "folder/table.csv", "__MACOSX/folder/._table.csv"),
			converted: true,
		},
		"JSON lines":        {file: []byte(objects), converted: true},
		"JSON lines in zip": {file: zipped(t, []byte(objects), "table.jsonl"), converted: true},
		"Parquet":           {file: columns.Bytes(), converted: true},
		"Parquet in gzip":   {file: gzipped(t, columns.Bytes()), converted: true},
		"Parquet by type": {
			file:      columns.Bytes(),
			options:   tablefile.Options{MediaType: "application/vnd.apache.parquet"},
			converted: true,
		},
	}
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			got, found, err := read(t, f.file, f.options)
			if err != nil || got != plainCustomers {
				t.Fatalf("%+v, %v, CSV\n%s\nwant\n%s", found, err, got, plainCustomers)
			}
			if found.Converted != f.converted {
				t.Errorf("converted is %v, want %v", found.Converted, f.converted)
			}
			r, err := tablefile.Open(iotest.OneByteReader(bytes.NewReader(f.file)), f.options)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close() //nolint:errcheck // read only
			slow, err := io.ReadAll(iotest.OneByteReader(r))
			if err != nil || string(slow) != plainCustomers {
				t.Errorf("byte by byte: %v, CSV\n%s", err, slow)
			}
		})
	}
}

// A plain CSV keeps all its bytes, also those that package dataset refuses or that could be written otherwise.
func TestOpen_plainCSVPassesThrough(t *testing.T) {
	for _, file := range []string{
		"", "a", "\n", "a,b\r\n1,2\r\n", "\n  \na, b \n\" 1\",2\n\n", "a,b\n1\n1,2,3\n", "a,b\n1,\"2\n",
		"a,b\n1,2\"\n", "a,b\n1,x;y\n2,z;w\n", "a,b\n1.5,x\n\"1,5\",y\n", "0,1\n1,2\n",
		"a,b\n1,K\u00f6ln\n" + strings.Repeat("1,\u00e9\n", 100_000),
	} {
		got, found, err := read(t, []byte(file), tablefile.Options{})
		if err != nil || got != file || found.Converted || found.Encoding != "utf-8" || found.Delimiter != "," {
			t.Errorf("%.40q: %.40q, %+v, %v, want the same bytes", file, got, found, err)
		}
	}
}

func TestOpen_dialects(t *testing.T) {
	reading := func(delimiter, decimal string, header tablefile.Header) tablefile.Reading {
		return tablefile.Reading{Delimiter: delimiter, Decimal: decimal, Header: header}
	}
	for _, test := range []struct {
		name, file string
		reading    tablefile.Reading
		want       string
	}{
		{"tabs", "x\ty\n1\t2\n", reading("", "", ""), "x,y\n1,2\n"},
		{"a comma in a header of semicolons", "x, first;y\n1;2\n3;4\n", reading("", "", ""), "\"x, first\",y\n1,2\n3,4\n"},
		{"a bad row", "x;y\n1,5;2\n3,5\n", reading("", "", ""), "x,y\n1.5,2\n3.5\n"},
		{"a delimiter in quotes", "x\ty\n\"1;2;3\"\t2\n\"1;;\"\t2\n", reading("", "", ""), "x,y\n1;2;3,2\n1;;,2\n"},
		{"a cell of quotes", "x;y\n\"\"\"a\"\"\";\"b\n\"\n", reading("", "", ""), "x,y\n\"\"\"a\"\"\",\"b\n\"\n"},
		{"only a header", "x;y;z\n", reading("", "", ""), "x,y,z\n"},
		{"no header", "1,5;2,5\n3,5;4,5\n", reading("", "", "false"), "0,1\n1.5,2.5\n3.5,4.5\n"},
		{"commas that could be decimal ones", "1,5;2,5\n3,5;4,5\n", reading("", "", ""), "1.5,2.5\n3.5,4.5\n"},
		{"no header of a plain CSV", "1,2\n3,4\n", reading("", "", "false"), "0,1\n1,2\n3,4\n"},
		{"a given delimiter", "x,1;y\n1,2;3\n", reading("semicolon", "", ""), "\"x,1\",y\n1.2,3\n"},
		{"a given comma", "x,y\n\"1,5\",\"1.234,5\"\n", reading("", ",", ""), "x,y\n1.5,1234.5\n"},
		{"a given point", "x;y\n1,5;2\n", reading("", "point", ""), "x,y\n\"1,5\",2\n"},
		{"a header that looks like numbers", "1,5;2,5\n3,5;4,5\n", reading(";", ",", "true"), "\"1,5\",\"2,5\"\n3.5,4.5\n"},
		{
			"numbers", "x;y\n-0,5;+1.234.567,0\n,5;1 234,5\n1e5;1,5e-3\n1.234;0,50 €\n12,5%; 7 \n", reading("", "", ""),
			"x,y\n-0.5,+1234567.0\n0.5,1234.5\n1e5,1.5e-3\n1234,0.50 €\n12.5%, 7 \n",
		},
		{
			"no numbers", "x;y\n0,5;1,234.5\n1,5;1.2.3\n1,5;01.02.2024\n1,5;1,5,x\n1,5;a,5\n1,5;1,\n1,5;,\n",
			reading("", ",", ""),
			"x,y\n0.5,\"1,234.5\"\n1.5,1.2.3\n1.5,01.02.2024\n1.5,\"1,5,x\"\n1.5,\"a,5\"\n1.5,\"1,\"\n1.5,\",\"\n",
		},
		{"points and commas", "x;y\n1,5;2.5\n", reading("", "", ""), "x,y\n\"1,5\",2.5\n"},
		{"lists", "x;y\n1,5;1\n1,5,7;2\n", reading("", "", ""), "x,y\n\"1,5\",1\n\"1,5,7\",2\n"},
		{"thousands or decimals", "x;y\n1,234;1\n5,678;2\n", reading("", "", ""), "x,y\n\"1,234\",1\n\"5,678\",2\n"},
		{"an empty cell alone", "x;y\n\"\"\n", reading("", "", ""), "x,y\n\"\"\n"},
		{"cells without text", "x\ty\n\t\n1\t\n", reading("", "", ""), "x,y\n,\n1,\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, found, err := read(t, []byte(test.file), tablefile.Options{Reading: test.reading})
			if err != nil || got != test.want {
				t.Errorf("%+v, %v, CSV\n%s\nwant\n%s", found, err, got, test.want)
			}
		})
	}
}

func TestOpen_tellsWhatItFound(t *testing.T) {
	r, err := tablefile.Open(bytes.NewReader(gzipped(t, utf16le("x;y\n1,5;2\n", true))), tablefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // read only
	want := tablefile.Dialect{
		Format: "csv", Compression: "gzip", Encoding: "utf-16le", Delimiter: ";", Decimal: ",", Converted: true,
	}
	if got := r.Found(); got != want || r.HasHeader() || r.Plain() != (tablefile.Reading{}) {
		t.Errorf("%+v, %v, want %+v", got, r.HasHeader(), want)
	}
	for file, want := range map[string]string{
		"x;y\n1,5;2.5\n":       `"1,5" has a decimal comma but "2.5" does not`,
		"x;y\n1,234;2\n":       `"1,234" may have a decimal comma or a comma between thousands`,
		"x;y\n1,234;1.5\n":     "",
		"x,y\n\"1,234\",2\n":   "",
		"x;y\n1,234;0,5\n2;\n": "",
	} {
		r, err := tablefile.Open(strings.NewReader(file), tablefile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(r.Warnings(), "; ")
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: warning %q, want %q", file, got, want)
		}
	}
	for _, file := range []string{`{"0":1,"1":2}`, "1;2\n3;4\n"} {
		r, err := tablefile.Open(strings.NewReader(file), tablefile.Options{Reading: tablefile.Reading{Header: "false"}})
		if err != nil {
			t.Fatal(err)
		}
		if !r.HasHeader() || r.Plain() != (tablefile.Reading{Header: "true"}) {
			t.Errorf("%q: the CSV has no header for sure, but Open wrote one", file)
		}
	}
}

func TestOpen_refusals(t *testing.T) {
	long := strings.Repeat("x", dataset.MaxRecord)
	plain := []byte("x,y\n1,2\n")
	encoding := func(name string) tablefile.Options {
		return tablefile.Options{Reading: tablefile.Reading{Encoding: name}}
	}
	damaged := zipped(t, bytes.Repeat(plain, 1000), "a.csv")
	damaged[60] ^= 0xff
	encrypted := zipped(t, plain, "a.csv")
	encrypted[bytes.Index(encrypted, []byte("PK\x01\x02"))+8] |= 1
	many := zipped(t, nil, func() (names []string) {
		for i := range 30_000 {
			names = append(names, fmt.Sprint("a", i))
		}
		return names
	}()...)
	for name, test := range map[string]struct {
		file    []byte
		options tablefile.Options
		want    string
	}{
		"not UTF-8": {
			file: []byte("x,y\n1,2\n3,M\xfcller\n"),
			want: "line 3: not UTF-8: name the encoding of the file, such as encoding=windows-1252",
		},
		"a character cut off": {file: []byte("x,y\n1,2\n3,\xc3"), want: "line 3: not UTF-8"},
		"not UTF-8, far down": {
			file: []byte("x,y\n" + strings.Repeat("1,é\n", 50_000) + "1,\xe9\n"),
			want: "line 50002: not UTF-8",
		},
		"not UTF-8, semicolons": {file: []byte("x;y\n1;2\n3;M\xfcller\n"), want: "line 3: not UTF-8"},
		"UTF-16 without mark": {
			file: utf16le("x,y\n1,2\n3,4\n", false),
			want: "line 1: every other byte is zero: say encoding=utf-16le",
		},
		"not this encoding": {
			file:    []byte("x,y\n1,\xff\xff\n"),
			options: encoding("shift_jis"),
			want:    "line 2: bytes that are not shift_jis",
		},
		"half of a pair": {
			file: append(utf16le("x,y\n1,", true), 0x00, 0xd8, '\n', 0),
			want: "line 2: bytes that are not utf-16le",
		},
		"unknown encoding": {
			file:    plain,
			options: encoding("klingon"),
			want:    `encoding: "klingon" is not known`,
		},
		"replacement": {
			file:    plain,
			options: encoding("iso-2022-kr"),
			want:    `encoding: "iso-2022-kr" is not known`,
		},
		"unknown delimiter": {
			file:    plain,
			options: tablefile.Options{Reading: tablefile.Reading{Delimiter: "x"}},
			want:    `delimiter: "x" is not one of comma`,
		},
		"unknown decimal": {
			file:    plain,
			options: tablefile.Options{Reading: tablefile.Reading{Decimal: "x"}},
			want:    `decimal: "x" is neither`,
		},
		"unknown header": {
			file:    plain,
			options: tablefile.Options{Reading: tablefile.Reading{Header: "x"}},
			want:    `header: "x" is not one of auto`,
		},
		"open quote": {
			file: []byte("x;y\n1;2\n\n3;\"4\n5;6\n"),
			want: "line 4: " + dataset.OpenQuote,
		},
		"text after a quote": {
			file: []byte("x;y\n\"1\"2;2\n"),
			want: "line 2: " + dataset.OpenQuote,
		},
		"stray quote": {
			file: []byte("x;y\r\n1;2\r\n3;4\"\r\n"),
			want: "line 3: " + dataset.StrayQuote,
		},
		"long record": {
			file: []byte("x;y\n1;" + long + "\n"),
			want: "line 2: " + dataset.LongRecord,
		},
		"many columns": {
			file: []byte("x;y\n" + strings.Repeat(";", dataset.MaxColumns) + "\n"),
			want: "line 2: more than 4096 columns",
		},
		"workbook": {
			file: zipped(t, plain, "[Content_Types].xml", "xl/workbook.xml"),
			want: "an Excel workbook",
		},
		"old workbook": {file: []byte("\xd0\xcf\x11\xe0\xa1\xb1"), want: "an Excel workbook"},
		"two files": {
			file: zipped(t, plain, "a.csv", "b.csv"),
			want: `the zip file has 2 files, want one: "a.csv", "b.csv"`,
		},
		"no file": {
			file: zipped(t, plain, "a/"),
			want: "the zip file has no file in it",
		},
		"empty zip":   {file: zipped(t, plain), want: "the zip file has no file in it"},
		"damaged zip": {file: damaged, want: "not a readable zip file"},
		"half a zip": {
			file: zipped(t, plain, "a.csv")[:40],
			want: "not a readable zip file: it has no directory",
		},
		"encrypted":     {file: encrypted, want: "the zip file is encrypted"},
		"a zip of many": {file: many, want: "the directory of the zip file is too large"},
		"damaged gzip":  {file: gzipped(t, plain)[:20], want: "not a readable gzip file"},
		"gzip by name": {
			file:    plain,
			options: tablefile.Options{Name: "a.csv.gz"},
			want:    "not a gzip file",
		},
		"zip by type": {
			file:    plain,
			options: tablefile.Options{MediaType: "application/zip"},
			want:    "not a zip file",
		},
		"packed twice": {file: gzipped(t, gzipped(t, plain)), want: "packed twice"},
		"Parquet by name": {
			file:    plain,
			options: tablefile.Options{Name: "a.parquet"},
			want:    "not a readable Parquet file",
		},
		"JSON array": {
			file:    []byte(`[{"a":1}]`),
			options: tablefile.Options{Name: "a.json"},
			want:    "line 1: an array, want JSON lines",
		},
		"text as JSON lines": {
			file:    plain,
			options: tablefile.Options{Name: "a.jsonl"},
			want:    "line 1: invalid json",
		},
		"a new key": {
			file: []byte("{\"a\":1,\"b\":2}\n" + strings.Repeat("\n{\"a\":1}", 1000) + "\n{\"c\":1}"),
			want: `line 1003, column "c": not a column`,
		},
		"nested": {
			file: []byte("{\"a\":1}\n{\"b\":[1]}"),
			want: `line 2, column "b": an array, want a text`,
		},
		"nested in the end": {
			file: []byte("{\"b\":1}\n" + strings.Repeat("{\"b\":1}\n", 1000) + "{\"b\":{}}"),
			want: `line 1002, column "b": an object, want a text`,
		},
		"a key twice": {
			file:    []byte(`{"a":1,"a":null}`),
			options: tablefile.Options{Name: "a.jsonl"},
			want:    `line 1, column "a": given twice`,
		},
		"half an object": {file: []byte("{\"a\":1}\n{\"a\":"), want: "line 2: invalid json"},
		"two objects on a line": {
			file: []byte("{\"a\":1}\n{\"a\":1}{\"a\":2}"),
			want: "line 2: invalid json",
		},
		"no members": {file: []byte("{}\n{}"), want: "no JSON object with members"},
		"a number as JSON lines": {
			file:    []byte("1\n"),
			options: tablefile.Options{MediaType: "application/x-ndjson"},
			want:    "line 1: a number, want JSON lines",
		},
		"a long line": {
			file: []byte("{\"a\":1}\n{\"a\":\"" + long + "\"}"),
			want: "line 2: more than 1048576 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(t, test.file, test.options)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("%v, want %s", err, test.want)
			}
			var row *dataset.RowError
			var option *tablefile.OptionError
			if !errors.As(err, &row) && !errors.As(err, &option) {
				t.Errorf("%T, want a type that users are told", err)
			}
		})
	}
}

func TestOpen_parquetOfPyarrow(t *testing.T) {
	for file, want := range map[string]string{
		"dup_col":         `column "x": appears twice`,
		"latin_key_jsonl": `line 1, column "id": not UTF-8`,
		"timestamp_key": "x,y,id,d\n1,2,2026-01-01T12:00:00.123456,2026-01-01\n" +
			"3,4,2026-01-01T12:00:00.123456,2026-01-01\n",
	} {
		data, err := os.ReadFile("../rows/testdata/" + file + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := read(t, data, tablefile.Options{})
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	type nested struct {
		A float64   `parquet:"a"`
		B []float64 `parquet:"b,list"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []nested{{A: 1}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(
		t,
		b.Bytes(),
		tablefile.Options{},
	); err == nil ||
		err.Error() != `column "b": is a list or a group` {
		t.Errorf("%v, want the name of the list", err)
	}
}

// What unpacks beyond the limit is too large, however small it arrives.
func TestOpen_limits(t *testing.T) {
	bomb := bytes.Repeat([]byte("1,2\n"), 1<<18)
	type number struct {
		A int64  `parquet:"a,dict"`
		B string `parquet:"b,dict"`
	}
	var columns bytes.Buffer
	if err := parquet.Write(&columns, make([]number, 1<<18)); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"plain": bomb, "gzip": gzipped(t, bomb), "zip": zipped(t, bomb, "a.csv"), "Parquet": columns.Bytes(),
		"Parquet in gzip": gzipped(t, columns.Bytes()), "semicolons": bytes.ReplaceAll(bomb, []byte(","), []byte(";")),
	} {
		const limit = 400_000
		got, _, err := read(t, file, tablefile.Options{MaxBytes: limit})
		if !errors.Is(err, dataset.ErrTooLarge) || len(got) > limit {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, dataset.ErrTooLarge)
		}
		if _, _, err := read(t, file, tablefile.Options{MaxBytes: 1 << 20}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errBroken = errors.New("the connection is lost")

// An error of the source is not an error of the data, wherever it happens.
func TestOpen_passesOnWhatBreaks(t *testing.T) {
	var columns bytes.Buffer
	if err := parquet.Write(&columns, customers); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"plain": []byte(plainCustomers), "gzip": gzipped(t, []byte(plainCustomers)), "Parquet": columns.Bytes(),
		"zip": zipped(t, []byte(plainCustomers), "a.csv"), "UTF-16": utf16le(plainCustomers, true),
		"semicolons": []byte("a;b\n1;2\n"), "JSON lines": []byte("{\"a\":1}\n"),
	} {
		for end := range len(file) {
			broken := io.MultiReader(bytes.NewReader(file[:end]), iotest.ErrReader(fmt.Errorf("%w: %w", errBroken, io.EOF)))
			r, err := tablefile.Open(broken, tablefile.Options{Name: "table"})
			if err == nil {
				_, err = io.ReadAll(r)
				_ = r.Close()
			}
			if !errors.Is(err, errBroken) {
				t.Fatalf("%s, broken after %d bytes: %v, want the error of the source", name, end, err)
			}
		}
	}
}

// A mistake that a reader of the CSV finds has the line of the file.
func TestReader_locate(t *testing.T) {
	for name, test := range map[string]struct {
		file   string
		header tablefile.Header
		want   []int // the line of the file for each line of the CSV
	}{
		"plain":        {"a,b\n\n1,2\n", "", []int{1, 2, 3}},
		"semicolons":   {"\n a;b\n\n1;\"x\r\ny\"\n\n\n3;4\n", "", []int{2, 4, 5, 8}},
		"no header":    {"\n1;2\n\n3;4\n5;6\n", "false", []int{1, 2, 4, 5}},
		"JSON lines":   {"{\"a\":1,\"b\":\"x\\ny\"}\n\n{\"a\":1}\n", "", []int{1, 1, 2, 3}},
		"plain, again": {"a,b\n1,2\n", "true", []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := tablefile.Open(
				strings.NewReader(test.file),
				tablefile.Options{Reading: tablefile.Reading{Header: test.header}},
			)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
			var got []int
			for line := range test.want {
				err := r.Locate(fmt.Errorf("read: %w", &dataset.RowError{Line: line + 1, Column: "a", Reason: "bad"}))
				var row *dataset.RowError
				if !errors.As(err, &row) || row.Column != "a" || row.Reason != "bad" {
					t.Fatalf("%v, want the same error", err)
				}
				got = append(got, row.Line)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("lines %v, want %v", got, test.want)
			}
			last := len(test.want)
			err = r.Locate(&dataset.ColumnsError{Columns: []dataset.RowError{{Line: 1}, {Line: last}, {Reason: "whole"}}})
			want := []dataset.RowError{{Line: test.want[0]}, {Line: test.want[last-1]}, {Reason: "whole"}}
			if columns, ok := errors.AsType[*dataset.ColumnsError](err); !ok || !reflect.DeepEqual(columns.Columns, want) {
				t.Errorf("errors of columns %v, want %v", err, want)
			}
		})
	}
	if err := new(tablefile.Reader).Locate(errBroken); !errors.Is(err, errBroken) {
		t.Error("another error has changed")
	}
}

// A temporary file has no name, so a process that dies leaves none.
func TestOpen_leavesNoFile(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	r, err := tablefile.Open(bytes.NewReader(zipped(t, []byte(plainCustomers), "a.csv")), tablefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("%v, %v, want no file", files, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(r); err == nil {
		t.Error("a closed reader reads on")
	}
}

func TestHeader_inJSON(t *testing.T) {
	for text, want := range map[string]tablefile.Header{
		`true`: "true", `false`: "false", `"auto"`: "auto", `"true"`: "true",
	} {
		var h tablefile.Header
		if err := h.UnmarshalJSON([]byte(text)); err != nil || h != want {
			t.Errorf("%s: %q, %v", text, h, err)
		}
	}
	var h tablefile.Header
	if err := h.UnmarshalJSON([]byte("3")); err == nil {
		t.Error("a number is accepted")
	}
}
