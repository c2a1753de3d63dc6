package frame_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/frame"
	"iris/internal/jsonrow"
)

// forms are the methods of a Decoder as functions of a document.
var forms = map[string]func(d *frame.Decoder, data string, row func([]float64) error) (int, error){
	"records": func(d *frame.Decoder, data string, row func([]float64) error) (int, error) {
		return d.Records([]byte(data), "/r", row)
	},
	"either": func(d *frame.Decoder, data string, row func([]float64) error) (int, error) {
		return d.RecordsOrRows([]byte(data), "/r", row)
	},
	"columns": func(d *frame.Decoder, data string, row func([]float64) error) (int, error) {
		return d.Columns([]byte(data), "/c", row)
	},
	"split": func(d *frame.Decoder, data string, row func([]float64) error) (int, error) {
		return d.Split([]byte(data), "/s", row)
	},
	"csv": func(d *frame.Decoder, data string, row func([]float64) error) (int, error) {
		return d.CSV([]byte(data), row)
	},
}

// readFrame reads a document with the features a and b.
func readFrame(form, data string) ([][]float64, int, error) {
	var rows [][]float64
	n, err := forms[form](frame.NewDecoder([]string{"a", "b"}), data, func(x []float64) error {
		rows = append(rows, slices.Clone(x))
		return nil
	})
	return rows, n, err
}

func TestFrameDecoder_goodRows(t *testing.T) {
	for _, test := range []struct {
		name, form, data string
		want             [][]float64
	}{
		{"records", "records", `[{"a":1,"b":2.5},{"b":-4e1,"a":3}]`, [][]float64{{1, 2.5}, {3, -40}}},
		{"no records", "records", ` [ ] `, nil},
		{"other names", "records", `[{"x":{"a":[1]},"a":1,"y":NaN,"b":2,"":null}]`, [][]float64{{1, 2}}},
		{"the last of two of a name", "records", `[{"a":9,"a":1,"b":2}]`, [][]float64{{1, 2}}},
		{"an escaped name", "records", `[{"\u0061":1,"b":2}]`, [][]float64{{1, 2}}},
		{"what Python casts", "records", `[{"a":" 5.1 ","b":true},{"a":"+.5","b":false}]`, [][]float64{{5.1, 1}, {.5, 0}}},
		{"records and rows", "either", `[{"a":1,"b":2},[3,"4"]]`, [][]float64{{1, 2}, {3, 4}}},
		{"columns", "columns", `{"b":[2,4],"a":[1,3],"x":["y","z"]}`, [][]float64{{1, 2}, {3, 4}}},
		{"spaced columns", "columns", ` { "b" : [ 2 , 4 ] , "a" : [ 1 , 3 ] } `, [][]float64{{1, 2}, {3, 4}}},
		{"a value for all rows", "columns", `{"a":[1,3],"b":7}`, [][]float64{{1, 7}, {3, 7}}},
		{"one row of columns", "columns", `{"a":1,"b":"2"}`, [][]float64{{1, 2}}},
		{"no rows in columns", "columns", `{"a":[],"b":[]}`, nil},
		{"the last of two columns", "columns", `{"a":[9],"a":[1],"b":[2]}`, [][]float64{{1, 2}}},
		{"split", "split", `{"columns":["a","b"],"data":[[1,2],[3,4]]}`, [][]float64{{1, 2}, {3, 4}}},
		{
			"split the other way round", "split", `{"index":[7],"data":[["x",2,1]],"columns":["x","b","a"]}`,
			[][]float64{{1, 2}},
		},
		{
			"names that are none", "split", `{"index":null,"columns":["a",3,null,"b"],"data":[[1,{},[],2]]}`,
			[][]float64{{1, 2}},
		},
		{"no rows in a split", "split", `{"columns":["a","b"],"data":[]}`, nil},
		{"csv", "csv", "a,b\n1,2\n3,4\n", [][]float64{{1, 2}, {3, 4}}},
		{"csv as Excel has it", "csv", "\ufeffx,\"b\",a\r\n\"y\r\nz\", 2 ,1\r\n\r\n", [][]float64{{1, 2}}},
		{"the first of two columns", "csv", "a,b,a\n1,2,9\n", [][]float64{{1, 2}}},
		{"truth in a csv", "csv", "a,b\ntrue,False\nTRUE,0\n", [][]float64{{1, 0}, {1, 0}}},
		{"only a header", "csv", "a,b", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, n, err := readFrame(test.form, test.data)
			if err != nil || n != len(test.want) || !slices.EqualFunc(got, test.want, slices.Equal[[]float64]) {
				t.Errorf("%v, %d, %v, want %v", got, n, err, test.want)
			}
		})
	}
}

func TestFrameDecoder_badRows(t *testing.T) {
	for _, test := range []struct {
		form, data string
		fault      frame.Fault
		want       string // the place and some of the reason
	}{
		{"records", `{}`, frame.BadForm, "/r: an object, want an array"},
		{"records", `[[1,2]]`, frame.NoColumn, "/r/0: an array"},
		{"records", `[{"a":1,"b":2},3]`, frame.BadForm, "/r/1: a number"},
		{"records", `[{"a":1}]`, frame.NoColumn, "/r/0/b: missing"},
		{"records", `[{"a":1,"b":2},{"b":2}]`, frame.Incomplete, "/r/1/a: missing"},
		{"records", `[{"a":1,"b":"x"}]`, frame.BadValue, `/r/0/b: "x", want a number`},
		{"records", `[{"a":1,"b":""}]`, frame.BadValue, `/r/0/b: "", want`},
		{"records", `[{"a":1,"b":"NA"}]`, frame.BadValue, `/r/0/b: "NA", want`},
		{"records", `[{"a":1,"b":"1_0"}]`, frame.BadValue, `/r/0/b`},
		{"records", `[{"a":1,"b":{}}]`, frame.BadValue, "/r/0/b: an object"},
		{"records", `[{"a":1,"b":[2]}]`, frame.BadNested, "/r/0/b: an array"},
		{"records", `[{"a":1,"b":null}]`, frame.NoValue, "/r/0/b: null"},
		{"records", `[{"a":NaN,"b":1}]`, frame.NoValue, "/r/0/a: NaN is not finite"},
		{"records", `[{"a":-Infinity,"b":1}]`, frame.NoValue, "/r/0/a: -Infinity is not finite"},
		{"records", `[{"a":1e999,"b":1}]`, frame.NoValue, `/r/0/a: "1e999" is not finite`},
		{"records", `[{"a":"-Inf","b":1}]`, frame.NoValue, `/r/0/a: "-Inf" is not finite`},
		{"records", `[{"a":"1e999","b":1}]`, frame.NoValue, `/r/0/a`},
		{"either", `[3]`, frame.BadForm, "/r/0: a number"},
		{"either", `[[1]]`, frame.BadForm, "/r/0: 1 value, want 2"},
		{"either", `[[1,2,3]]`, frame.BadForm, "/r/0: 3 values, want 2"},
		{"either", `[[1,null]]`, frame.NoValue, `column "b", /r/0/1: null`},
		{"columns", `{"a":[1]}`, frame.NoColumn, "/c/b: missing"},
		{"columns", `{"a":[1,2],"b":[1]}`, frame.BadLength, "/c/b: 1 value, but another column has 2"},
		{"columns", `{"a":[1],"b":[1],"x":[]}`, frame.BadLength, "/c/x: 0 values"},
		{"columns", `{"a":[1,2],"b":[1,null]}`, frame.NoValue, "/c/b/1: null"},
		{"columns", `{"a":[1,2],"b":null}`, frame.NoValue, "/c/b: null"},
		{"columns", `{"a":[[1]],"b":[1]}`, frame.BadNested, "/c/a/0: an array"},
		{"columns", `[]`, frame.BadForm, "an array, want an object"},
		{"split", `[]`, frame.BadForm, "/s: want an object"},
		{"split", `{"columns":["a","b"]}`, frame.BadForm, "/s: no data"},
		{"split", `{"columns":["a","b"],"data":[],"rows":[]}`, frame.BadForm, "/s/rows: not a part of a table"},
		{"split", `{"data":[[1,2]]}`, frame.NoColumn, "/s/columns: no names"},
		{"split", `{"columns":"ab","data":[[1,2]]}`, frame.BadForm, "/s/columns: want an array"},
		{"split", `{"columns":[["a","b"]],"data":[[1,2]]}`, frame.BadForm, "/s/columns/0: an array"},
		{"split", `{"columns":["a"],"data":[]}`, frame.NoColumn, `/s/columns: no column "b"`},
		{"split", `{"columns":["a","b","a"],"data":[]}`, frame.NoColumn, `/s/columns/2: "a" given twice`},
		{"split", `{"columns":["a","b"],"data":3}`, frame.BadForm, "/s/data: a number"},
		{"split", `{"columns":["a","b"],"data":[[1,2],3]}`, frame.BadForm, "/s/data/1: a number"},
		{"split", `{"columns":["a","b"],"data":[[1]]}`, frame.BadForm, "/s/data/0: 1 value"},
		{"split", `{"columns":["x","b","a"],"data":[["x",2,null]]}`, frame.NoValue, `column "a", /s/data/0/2: null`},
		{"split", `{"columns":["a","b"],"data":[[1,2]],"index":[1,2]}`, frame.BadForm, "/s/index: want"},
		{"split", `{"columns":["a","b"],"data":[[1,2]],"index":3}`, frame.BadForm, "/s/index: want"},
		{"csv", "", frame.BadForm, "empty"},
		{"csv", "\n\n", frame.BadForm, "empty"},
		{"csv", "a,\xff\n", frame.BadForm, "not UTF-8"},
		{"csv", "a\n1\n", frame.NoColumn, `no column "b"`},
		{"csv", "a, b\n1,2\n", frame.NoColumn, `no column "b"`},
		{"csv", "a,b\n1,2\n3\n", frame.NoValue, `line 3, column "b": missing`},
		{"csv", "a,b\n1,2,3\n", frame.BadForm, "line 2: 3 values, want 2"},
		{"csv", "a,b\n1,x\n", frame.BadValue, `line 2, column "b": "x" is not a number`},
		{"csv", "a,b\n1,\n", frame.NoValue, `line 2, column "b": "" is not finite`},
		{"csv", "a,b\n1,NA\n", frame.NoValue, "line 2"},
		{"csv", "a,b\n1,1e999\n", frame.NoValue, "line 2"},
		{"csv", "a,b\n1,\"2\n", frame.BadForm, "line "},
		{"csv", "\"a,b\n", frame.BadForm, "line "},
		{"csv", "a,b\n1,2\n\"", frame.BadForm, "line "},
	} {
		t.Run(test.form+" "+test.data, func(t *testing.T) {
			_, _, err := readFrame(test.form, test.data)
			var fault *frame.Error
			if !errors.As(err, &fault) || fault.Fault != test.fault || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v (%+v), want fault %d and %q", err, fault, test.fault, test.want)
			}
			var row *dataset.RowError
			if !errors.As(err, &row) || row.Reason == "" {
				t.Errorf("%v does not unwrap to a place", err)
			}
		})
	}
}

func TestFrameDecoder_notJSON(t *testing.T) {
	for _, form := range []string{"records", "either", "columns", "split"} {
		for _, data := range []string{
			``, `[`, `[{`, `[{"a":1,"b":nul}]`, `[{"a":1,"b":2}`, `[{"a":1,"b":2}]x`, `[{"a":"\x","b":2}]`, `[[1,2`,
			`[{"a":01,"b":1}]`, `{`, `{"a":[1`, `{"a":[1,],"b":1}`, `{"columns":["a",`, `{"a":N}`, "\"\xff\"", `[{"a":1,"b":"`,
			`[{"a":1,"b":tru}]`, `[{"a":1,"x":[}]`, `{"columns":["a","\xff`, `{"columns":[x],"data":[]}`, `{"a":[1 2],"b":1}`,
		} {
			if form == "split" && strings.HasPrefix(data, "[") ||
				strings.HasPrefix(data, "{") != (form == "columns" || form == "split") {
				continue
			}
			_, _, err := readFrame(form, data)
			var syntax *jsonrow.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("%s of %s: %v, want a *SyntaxError", form, data, err)
			}
		}
	}
}

func TestFrameDecoder_endsWithTheErrorOfTheRow(t *testing.T) {
	enough := errors.New("enough")
	for form, data := range map[string]string{
		"records": `[{"a":1,"b":2},{"a":3,"b":4}]`, "columns": `{"a":[1,2],"b":[3,4]}`,
		"split": `{"columns":["a","b"],"data":[[1,2],[3,4]]}`, "csv": "a,b\n1,2\n3,4\n",
	} {
		seen := 0
		n, err := forms[form](frame.NewDecoder([]string{"a", "b"}), data, func([]float64) error {
			if seen++; seen == 2 {
				return enough
			}
			return nil
		})
		if n != 1 || !errors.Is(err, enough) {
			t.Errorf("%s: %d, %v, want 1 and the error of the row", form, n, err)
		}
	}
}

func TestFrameDecoder_oneFeature(t *testing.T) {
	d := frame.NewDecoder([]string{"a"})
	var got []float64
	keep := func(x []float64) error { got = append(got, x[0]); return nil }
	n, err := d.Column([]byte(`[1,"2",true]`), "/c", keep)
	if n != 3 || err != nil || !slices.Equal(got, []float64{1, 2, 1}) {
		t.Errorf("%v, %d, %v", got, n, err)
	}
	if _, err := d.Column([]byte(`[1,null]`), "/c", keep); err == nil || !strings.Contains(err.Error(), "/c/1: null") {
		t.Errorf("%v, want the place of the null", err)
	}
}

func TestEachMember(t *testing.T) {
	var got []string
	err := frame.EachMember([]byte(` {"a" : [1, {"b":2}] ,"\u00e9":NaN}`), func(name, value []byte) error {
		got = append(got, string(name)+"="+string(value))
		return nil
	})
	if err != nil || !slices.Equal(got, []string{`a=[1, {"b":2}]`, "é=NaN"}) {
		t.Errorf("%q, %v", got, err)
	}
	var syntax *jsonrow.SyntaxError
	var fault *frame.Error
	for data, want := range map[string]any{
		`[]`: &fault, `3`: &fault, ``: &syntax, `{"a"`: &syntax, `{}x`: &syntax, `{"a":`: &syntax,
	} {
		if err := frame.EachMember([]byte(data), func(_, _ []byte) error { return nil }); !errors.As(err, want) {
			t.Errorf("%q: %v, want a %T", data, err, want)
		}
	}
}

// A row costs no allocation in any form except CSV, whose cells are strings: there it costs one.
func TestFrameDecoder_allocations(t *testing.T) {
	document := func(form string, rows int) string {
		var b strings.Builder
		separator := func(i int) string {
			if i == 0 {
				return ""
			}
			return ","
		}
		list := func(element string) {
			b.WriteString("[")
			for i := range rows {
				b.WriteString(separator(i) + element)
			}
			b.WriteString("]")
		}
		switch form {
		case "records", "either":
			list(`{"b":-2.5,"x":"y","a":"1.5"}`)
		case "columns":
			b.WriteString(`{"a":`)
			list("1.5")
			b.WriteString(`,"b":`)
			list("true")
			b.WriteString("}")
		case "split":
			b.WriteString(`{"columns":["a","b"],"data":`)
			list("[1.5,-2e3]")
			b.WriteString("}")
		case "csv":
			b.WriteString("a,b\n" + strings.Repeat("1.5,-2e3\n", rows))
		}
		return b.String()
	}
	d := frame.NewDecoder([]string{"a", "b"})
	for form, perRow := range map[string]float64{"records": 0, "either": 0, "columns": 0, "split": 0, "csv": 1} {
		allocations := func(rows int) float64 {
			data := document(form, rows)
			return testing.AllocsPerRun(20, func() {
				if n, err := forms[form](d, data, func([]float64) error { return nil }); n != rows || err != nil {
					t.Fatal(n, err)
				}
			})
		}
		few, many := allocations(100), allocations(1100)
		if got := (many - few) / 1000; got > perRow {
			t.Errorf("%s: %v allocations a row, want %v", form, got, perRow)
		}
		t.Logf("%s: %v allocations for 100 rows, %v for 1100", form, few, many)
	}
}

// Lines of blanks are no rows. An empty cell in quotes is one, so it is not skipped.
func TestDecoder_csvOfOneColumn(t *testing.T) {
	d := frame.NewDecoder([]string{"x"})
	count := func(csv string) (int, error) {
		return d.CSV([]byte(csv), func([]float64) error { return nil })
	}
	if n, err := count("\ufeff\ufeffx\n1\n \t\n\n2\n"); n != 2 || err != nil {
		t.Errorf("with lines of blanks: %d rows, %v; want 2", n, err)
	}
	if n, err := count("\ufeffx\n1\n\"\"\n2\n"); n != 1 || err == nil {
		t.Errorf("with an empty cell in quotes: %d rows, %v; want an error after the first", n, err)
	}
}
