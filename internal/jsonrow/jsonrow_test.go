package jsonrow_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

var irisDecoder = jsonrow.NewDecoder(dataset.Iris().Features)

// rowBody returns the request of the README with one member replaced.
func rowBody(member string) string {
	return `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,` + member + `}`
}

func TestRowDecoder_accepts(t *testing.T) {
	want := []float64{5.1, 3.5, 1.4, 0.2}
	for name, body := range map[string]string{
		"in order":      rowBody(`"petal_width":0.2`),
		"another order": `{"petal_width":0.2,"petal_length":1.4,"sepal_width":3.5,"sepal_length":5.1}`,
		"blanks": " {\r\n\t\"sepal_length\" : 5.1 , \"sepal_width\":3.5," +
			"\"petal_length\":1.4 ,\"petal_width\" : 0.2\n} \n",
		"forms of numbers": `{"sepal_length":51E-1,"sepal_width":350e-2,` +
			`"petal_length":0.00000000014e+10,"petal_width":0.200000000000000000}`,
		"escaped names": `{"\u0073epal_length":5.1,"sepal\u005Fwidth":3.5,` +
			`"\u0070\u0065\u0074\u0061\u006c\u005F\u006C\u0065\u006E\u0067\u0074\u0068":1.4,"petal_width":0.2}`,
		"extra fields": rowBody(`"species":"setosa","a":[],"b":{},"c":[1,[true,false,null],{"sepal_length":"x"}],` +
			`"d":-0.5e-3,"":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","petal_width":0.2`),
		"extra twice":       rowBody(`"x":1,"x":2,"petal_width":0.2`),
		"case matters":      rowBody(`"Petal_Width":9,"PETAL_WIDTH":"x","petal_width":0.2`),
		"almost a name":     rowBody(`"petal_widt":9,"petal_width ":8,"petal\u0000width":7,"petal_width":0.2`),
		"a very long name":  rowBody(`"` + strings.Repeat(`\u0041`, 1000) + `":1,"petal_width":0.2`),
		"deep extra fields": rowBody(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,"petal_width":0.2`),
	} {
		t.Run(name, func(t *testing.T) {
			x := make([]float64, 4)
			if err := irisDecoder.DecodeRow([]byte(body), x); err != nil || !slices.Equal(x, want) {
				t.Errorf("row %v, error %v, want %v", x, err, want)
			}
		})
	}
}

func TestRowDecoder_numbers(t *testing.T) {
	d := jsonrow.NewDecoder([]string{"a"})
	for literal, want := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1E5": 1e5, "-1.5e-3": -1.5e-3, "1e-400": 0, "4.9e-324": 5e-324,
		"9007199254740993": 9007199254740992, "1.7976931348623157e308": math.MaxFloat64,
		"0.1000000000000000055511151231257827021181583404541015625": 0.1,
	} {
		x := []float64{7}
		err := d.DecodeRow([]byte(`{"a":`+literal+`}`), x)
		if err != nil || math.Float64bits(x[0]) != math.Float64bits(want) {
			t.Errorf("%s: %v, error %v, want %v", literal, x[0], err, want)
		}
	}
}

func TestRowDecoder_badRows(t *testing.T) {
	for _, c := range []struct{ name, body, pointer, want string }{
		{"missing", rowBody(`"x":1`), "/petal_width", "missing"},
		{"empty object", `{}`, "/sepal_length", "missing"},
		{"another case", rowBody(`"Petal_width":1`), "/petal_width", "missing"},
		{"duplicate", rowBody(`"petal_width":0.2,"sepal_width":3.5`), "/sepal_width", "given twice"},
		{"duplicate by escape", rowBody(`"petal_width":0.2,"sepal\u005fwidth":3.5`), "/sepal_width", "given twice"},
		{"null", rowBody(`"petal_width":null`), "/petal_width", "null, want a number"},
		{"text", rowBody(`"petal_width":"3.5"`), "/petal_width", "a string, want a number"},
		{"true", rowBody(`"petal_width":true`), "/petal_width", "true, want a number"},
		{"false", rowBody(`"petal_width":false`), "/petal_width", "false, want a number"},
		{"array", rowBody(`"petal_width":[0.2]`), "/petal_width", "an array, want a number"},
		{"object", rowBody(`"petal_width":{"x":1}`), "/petal_width", "an object, want a number"},
		{"not finite", rowBody(`"petal_width":1e999`), "/petal_width", `"1e999" is not finite`},
		{"not finite below", rowBody(`"petal_width":-1e999999999999999999`), "/petal_width", "is not finite"},
		{"an array for the object", `[{}]`, "", "an array, want an object"},
		{"a string for the object", `"x"`, "", "a string, want an object"},
		{"a number for the object", `-1.5`, "", "a number, want an object"},
		{"null for the object", ` null `, "", "null, want an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := irisDecoder.DecodeRow([]byte(c.body), make([]float64, 4))
			var row *dataset.RowError
			if !errors.As(err, &row) {
				t.Fatalf("error %T %v, want a *RowError", err, err)
			}
			if row.Pointer != c.pointer || !strings.Contains(row.Reason, c.want) {
				t.Errorf("error %q at %q, want %q at %q", row.Reason, row.Pointer, c.want, c.pointer)
			}
		})
	}
}

func TestRowDecoder_pointerEscapes(t *testing.T) {
	err := jsonrow.NewDecoder([]string{"a/b~c"}).DecodeRow([]byte(`{}`), make([]float64, 1))
	var row *dataset.RowError
	if !errors.As(err, &row) || row.Pointer != "/a~1b~0c" {
		t.Errorf("error %v, want pointer /a~1b~0c", err)
	}
}

// badJSON lists documents that are not JSON, and the offset at which reading stops.
var badJSON = []struct {
	name, body string
	offset     int
	want       string
}{
	{"empty", "", 0, "empty"},
	{"blanks", " \n", 2, "empty"},
	{"cut", `{"a":1`, 6, `the end, want "," or "}"`},
	{"cut in a name", `{"a`, 3, "the end, want a closing quote"},
	{"cut after a name", `{"a"`, 4, `the end, want ":"`},
	{"cut after a colon", `{"a":`, 5, "the end, want a value"},
	{"cut in an array", `{"a":[1`, 7, `the end, want "," or "]"`},
	{"trailing bytes", `{"a":1} {}`, 8, `'{', want nothing after the value`},
	{"trailing bytes after a bad row", `{"a":"x"}]`, 9, "want nothing after the value"},
	{"broken after a bad row", `{"a":null,"b":}`, 14, `'}', want a value`},
	{"a comma too many", `{"a":1,}`, 7, `'}', want a string`},
	{"a comma in front", `{,"a":1}`, 1, `',', want a string`},
	{"a comma too many in an array", `{"x":[1,]}`, 8, `']', want a value`},
	{"no comma", `{"a":1 "b":2}`, 7, `'"', want "," or "}"`},
	{"no colon", `{"a" 1}`, 5, `'1', want ":"`},
	{"names without quotes", `{a:1}`, 1, `'a', want a string`},
	{"single quotes", `{'a':1}`, 1, `want a string`},
	{"mixed brackets", `{"x":[1}}`, 7, `'}', want "," or "]"`},
	{"NaN", `{"a":NaN}`, 5, `'N', want a value`},
	{"Infinity", `{"a":-Infinity}`, 6, `'I', want a digit`},
	{"a plus", `{"a":+1}`, 5, `'+', want a value`},
	{"no digit before the point", `{"a":.5}`, 5, `'.', want a value`},
	{"no digit after the point", `{"a":5.}`, 7, `'}', want a digit`},
	{"no exponent", `{"a":5e}`, 7, `'}', want a digit`},
	{"a leading zero", `{"a":05}`, 6, `'5', want a digit`},
	{"hexadecimal", `{"a":0x10}`, 6, `'x', want "," or "}"`},
	{"an underscore", `{"a":1_0}`, 6, `'_', want "," or "}"`},
	{"a cut word", `{"a":nul}`, 5, `want a value`},
	{"Python's None", `{"a":None}`, 5, `'N', want a value`},
	{"a comment", `{"a":1 /* b */}`, 7, `want "," or "}"`},
	{"a byte order mark", "\ufeff{}", 0, "want a value"},
	{"a control character", "{\"x\":\"a\tb\"}", 7, `'\t', want an escape in its place`},
	{"a line feed in a name", "{\"x\n\":1}", 3, `'\n', want an escape in its place`},
	{"a wrong escape", `{"x":"\x"}`, 7, `'x', want an escape`},
	{"an escaped nothing", `{"x":"\`, 7, `the end, want an escape`},
	{"a short unicode escape", `{"x":"\u12"}`, 10, `'"', want four hex digits`},
	{"a wrong unicode escape", `{"x":"\u12g4"}`, 10, `'g', want four hex digits`},
	{"not UTF-8", "{\"x\":\"a\xff\"}", 6, "a string that is not UTF-8"},
	{"not UTF-8 in a name", "{\"\xc3(\":1}", 2, "a string that is not UTF-8"},
	{
		"too deep",
		`{"x":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`,
		1005,
		"nested more than 1000 deep",
	},
	{"too deep for any stack", strings.Repeat(`{"x":`, 1e6), 5005, "nested more than 1000 deep"},
}

func TestRowDecoder_syntaxErrors(t *testing.T) {
	d := jsonrow.NewDecoder([]string{"a"})
	for _, c := range badJSON {
		t.Run(c.name, func(t *testing.T) {
			err := d.DecodeRow([]byte(c.body), make([]float64, 1))
			var syntax *jsonrow.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error %T %v, want a *SyntaxError", err, err)
			}
			if syntax.Offset != c.offset || !strings.Contains(syntax.Reason, c.want) {
				t.Errorf("error %q at byte %d, want %q at %d", syntax.Reason, syntax.Offset, c.want, c.offset)
			}
			if want := "invalid json at byte " + strconv.Itoa(c.offset) + ": "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("text %q, want it to begin with %q", err, want)
			}
		})
	}
}

func TestRowDecoder_allocations(t *testing.T) {
	wide := make([]string, 4096)
	var wideBody strings.Builder
	wideBody.WriteString("{")
	for i := range wide {
		wide[i] = "feature" + strconv.Itoa(i)
		if i > 0 {
			wideBody.WriteString(",")
		}
		wideBody.WriteString(`"` + wide[i] + `":` + strconv.Itoa(i) + ".5")
	}
	wideBody.WriteString("}")
	for _, c := range []struct {
		name, body string
		decoder    *jsonrow.Decoder
		features   int
	}{
		{"a plain row", rowBody(`"petal_width":0.2`), irisDecoder, 4},
		{"another order", `{"petal_width":0.2,"petal_length":1.4,"sepal_width":3.5,"sepal_length":5.1}`, irisDecoder, 4},
		{"17 digits", rowBody(`"petal_width":-0.20000000000000001e-300`), irisDecoder, 4},
		{
			"escaped names and extra fields", rowBody(`"petal\u005fwidth":0.2,"x":{"\u00e9":["é",null]},"\u00e9":1`),
			irisDecoder, 4,
		},
		{"4096 features", wideBody.String(), jsonrow.NewDecoder(wide), 4096},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, x := []byte(c.body), make([]float64, c.features)
			var err error
			if n := testing.AllocsPerRun(100, func() { err = c.decoder.DecodeRow(body, x) }); n > 0 || err != nil {
				t.Errorf("%v allocations a row, error %v, want none", n, err)
			}
		})
	}

	t.Run("a batch", func(t *testing.T) {
		one := rowBody(`"petal_width":0.2`)
		body := []byte("[" + strings.Repeat(one+",", 999) + one + "]")
		rows := 0
		n := testing.AllocsPerRun(10, func() {
			var err error
			if rows, err = irisDecoder.DecodeRows(body, func([]float64) error { return nil }); err != nil {
				t.Error(err)
			}
		})
		if n > 1 || rows != 1000 {
			t.Errorf("%v allocations for %d rows, want one for 1000", n, rows)
		}
	})
}

func TestRowDecoder_array(t *testing.T) {
	good := rowBody(`"petal_width":1`)
	for _, test := range []struct {
		name, body, want string // the error, "" for none
		rows             int
	}{
		{"rows", " [" + good + "," + good + "]\n", "", 2},
		{"a bad row", "[" + good + ",{}]", "/1/sepal_length: missing", 1},
		{"no object", "[" + good + "," + good + ",[]]", "/2: an array, want an object", 2},
		{"no rows", "[ ]", "no rows", 0},
		{"no array", good, "an object, want an array", 0},
		{"no JSON", "[" + good + ",{}", "invalid json", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, err := irisDecoder.DecodeArray([]byte(test.body), func([]float64) error { return nil })
			if rows != test.rows || (err == nil) != (test.want == "") ||
				err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%d rows and %v, want %d and %q", rows, err, test.rows, test.want)
			}
			if got, want := jsonrow.IsArray([]byte(test.body)), test.name != "no array"; got != want {
				t.Errorf("IsArray is %t", got)
			}
		})
	}
}

func TestRowDecoder_concurrent(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			x := make([]float64, 4)
			body := []byte(rowBody(`"petal_width":` + strconv.Itoa(i)))
			for range 1000 {
				if err := irisDecoder.DecodeRow(body, x); err != nil || x[3] != float64(i) {
					t.Errorf("row %v, error %v, want petal_width %d", x, err, i)
					return
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkDecodeRow(b *testing.B) {
	body, x := []byte(rowBody(`"petal_width":0.2`)), make([]float64, 4)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := irisDecoder.DecodeRow(body, x); err != nil {
			b.Fatal(err)
		}
	}
}
