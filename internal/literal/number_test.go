package literal

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	csvGrammar  = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	jsonGrammar = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// checkNumber compares ParseNumber with a regular expression and strconv.
func checkNumber(t *testing.T, text string) {
	t.Helper()
	for name, c := range map[string]struct {
		Grammar Grammar
		rule    *regexp.Regexp
	}{"csv": {CSV, csvGrammar}, "json": {JSON, jsonGrammar}} {
		got, end, ok := ParseNumber([]byte(text), c.Grammar)
		again, endAgain, okAgain := ParseNumber(text, c.Grammar)
		if math.Float64bits(got) != math.Float64bits(again) || end != endAgain || ok != okAgain {
			t.Errorf("%s %q: %v as bytes, %v as a string", name, text, got, again)
		}
		if end < 0 || end > len(text) {
			t.Fatalf("%s %q: ended at %d", name, text, end)
		}
		whole := ok && end == len(text)
		if want := c.rule.MatchString(text); whole != want {
			t.Errorf("%s %q: is a number: %v, want %v", name, text, whole, want)
		}
		if !ok {
			continue
		}
		if !c.rule.MatchString(text[:end]) {
			t.Errorf("%s %q: took %q for a number", name, text, text[:end])
		}
		want, _ := strconv.ParseFloat(text[:end], 64)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s %q: %v, want %v", name, text, got, want)
		}
	}
}

var numbers = []string{
	"",
	"0",
	"-0",
	"+0",
	"00",
	"01",
	"-01",
	"1",
	"-1",
	"+1",
	"--1",
	"-",
	"+",
	".",
	"-.",
	".5",
	"-.5",
	"5.",
	"5.e1",
	"0.5",
	"1.5",
	"1.25e3",
	"1E5",
	"1e+5",
	"1e-5",
	"1e",
	"1e+",
	"1e-",
	"1.e",
	"e5",
	".e5",
	"123456789012345",
	"1234567890123456",
	"12345678901234567890",
	"0.1234567890123456789",
	"0.000000000000000000001",
	"00000000000000000000.5",
	"9007199254740993",
	"999999999999999e22",
	"1e22",
	"1e23",
	"1e-22",
	"1e-23",
	"1.7976931348623157e308",
	"1.7976931348623159e308",
	"1e309",
	"-1e309",
	"4.9e-324",
	"1e-324",
	"-1e-400",
	"1e999999999999999999999",
	"1e-999999999999999999999",
	"0e999999999999999999999",
	"inf",
	"Inf",
	"+Inf",
	"-infinity",
	"nan",
	"NaN",
	"0x1p-2",
	"0x10",
	"1_000",
	"1,5",
	"1 ",
	" 1",
	"1a",
	"1.5.5",
	"1e5e5",
	"1e5.5",
	"٣",
	"１",
}

func TestParseNumber(t *testing.T) {
	for _, text := range numbers {
		checkNumber(t, text)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		checkNumber(t, strconv.FormatFloat(math.Float64frombits(r.Uint64()), 'g', -1, 64))
		checkNumber(t, strconv.FormatFloat(float64(r.Int64N(1e15))/math.Pow10(r.IntN(20)), 'f', r.IntN(20), 64))
	}
}

func TestParsePlain_agreesWithStrconv(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	taken := 0
	for range 200_000 {
		text := strconv.FormatFloat(random.NormFloat64()*math.Pow(10, float64(random.IntN(12)-6)), 'f', random.IntN(19)-1, 64)
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, n := ParsePlain([]byte(text + "\n"))
		if n == 0 {
			continue
		}
		taken++
		if n != len(text) || got != want {
			t.Fatalf("%s is read as %v from %d bytes, want %v", text, got, n, want)
		}
	}
	if taken < 100_000 {
		t.Errorf("%d of 200000 numbers were plain, want most of them", taken)
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, text := range numbers {
		f.Add(text)
	}
	f.Fuzz(checkNumber)
}

func TestParseShort(t *testing.T) {
	for _, text := range []string{
		"", "-", ".", "-.", "0", "-0", "007", "1.", ".5", "-12.25", "1.2.3", "1e3", "+1", " 1", "x", "123456789012345",
		"1234567890123456", "0.00000000000001", "999999999999.999", "-1234567890123.4",
	} {
		got, ok := ParseShort(text)
		want, end, good := ParseNumber(text, CSV)
		if ok && (!good || end != len(text) || got != want) {
			t.Errorf("%q is %v, want %v, %v", text, got, want, good)
		}
		if plain := len(text) < 16 && strings.Trim(text, "-0123456789.") == ""; plain && good && end == len(text) && !ok {
			t.Errorf("%q is not read", text)
		}
	}
}
