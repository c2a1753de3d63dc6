package frame_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/frame"
)

var visits = datasettest.Visits()

// readVisits reads a document with the features of visits.
func readVisits(form, data string) ([][]float64, error) {
	var rows [][]float64
	d := frame.NewCellDecoder(visits.Features, dataset.NewCells(visits))
	_, err := forms[form](d, data, func(x []float64) error {
		rows = append(rows, slices.Clone(x))
		return nil
	})
	return rows, err
}

// The same two rows are the same numbers in each form.
func TestCellDecoder_sameRowsInAllForms(t *testing.T) {
	nan := math.NaN()
	want := [][]float64{{31, 7.5, 1, 1, 1, 2}, {40, nan, 0, 4, nan, nan}}
	for form, data := range map[string]string{
		"records": `[{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":7,"since":"1970-01-03","x":[]},` +
			`{"age":"40","fare":NaN,"member":0,"city":"Oslo","zip":null}]`,
		"either": `[[31,7.5,true,"Rome",7,"1970-01-03"],{"age":40,"fare":null,"member":"no","city":"Oslo","since":null}]`,
		"columns": `{"since":["1970-01-03",null],"zip":[7.0,null],"city":["Rome","Oslo"],"member":[true,false],` +
			`"fare":[7.5,NaN],"age":[31,40]}`,
		"split": `{"columns":["member","age","fare","city","zip","since"],` +
			`"data":[[true,31,7.5,"Rome","7.0","1970-01-03"],[false,40,Infinity,"Oslo",null,null]]}`,
		"csv": "age,fare,member,city,zip,since\n31,7.5,True,Rome,7.0,1970-01-03\n40,,no, Oslo ,NaN,\n",
	} {
		t.Run(form, func(t *testing.T) {
			got, err := readVisits(form, data)
			if err != nil || !slices.EqualFunc(got, want, datasettest.SameRow) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		})
	}
}

func TestCellDecoder_absentColumns(t *testing.T) {
	nan := math.NaN()
	want := [][]float64{{31, nan, 0, 0, nan, nan}}
	for form, data := range map[string]string{
		"records": `[{"age":31,"member":0,"city":"Paris"}]`,
		"columns": `{"age":[31],"member":[0],"city":["Paris"]}`,
		"split":   `{"columns":["age","member","city"],"data":[[31,0,"Paris"]]}`,
		"csv":     "age,member,city\n31,0,Paris\n",
	} {
		got, err := readVisits(form, data)
		if err != nil || !slices.EqualFunc(got, want, datasettest.SameRow) {
			t.Errorf("%s: %v, %v; want %v", form, got, err, want)
		}
	}
}

func TestCellDecoder_badRows(t *testing.T) {
	for _, test := range []struct {
		form, data string
		fault      frame.Fault
		want       string // the place and some of the reason
	}{
		{"records", `[{"age":null,"member":0,"city":"Rome"}]`, frame.NoValue, "/r/0/age: null, want a number"},
		{"records", `[{"age":NaN,"member":0,"city":"Rome"}]`, frame.NoValue, "/r/0/age: NaN is not finite"},
		{"records", `[{"age":"old","member":0,"city":"Rome"}]`, frame.BadValue, `/r/0/age: "old" is not`},
		{"records", `[{"age":1,"member":3,"city":"Rome"}]`, frame.BadValue, "/r/0/member: 3 is neither"},
		{"records", `[{"age":1,"member":0,"city":["Rome"]}]`, frame.BadNested, "/r/0/city: an array, want a text"},
		{"records", `[{"age":1,"member":0}]`, frame.NoColumn, "/r/0/city: missing"},
		{"columns", `{"age":[1],"member":[0]}`, frame.NoColumn, "/c/city: missing"},
		{"split", `{"columns":["age","city"],"data":[]}`, frame.NoColumn, `no column "member"`},
		{"csv", "age,member,city\n,1,Rome\n", frame.NoValue, `line 2, column "age": empty cell`},
		{"csv", "age,member,city\n1,perhaps,Rome\n", frame.BadValue, `line 2, column "member": "perhaps" is neither`},
	} {
		t.Run(test.form+" "+test.data, func(t *testing.T) {
			_, err := readVisits(test.form, test.data)
			var fault *frame.Error
			if !errors.As(err, &fault) || fault.Fault != test.fault || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v (%+v), want fault %d and %q", err, fault, test.fault, test.want)
			}
		})
	}
}

// A row of texts costs no allocation in JSON, and the one of its cells in CSV.
func TestCellDecoder_allocations(t *testing.T) {
	d := frame.NewCellDecoder(visits.Features, dataset.NewCells(visits))
	for form, perRow := range map[string]float64{"records": 0, "csv": 1} {
		allocations := func(rows int) float64 {
			data := "age,fare,member,city,zip,since\n" + strings.Repeat("31,7.5,True,Rome,7.0,1970-01-03\n", rows)
			if form == "records" {
				record := `{"age":31,"fare":null,"member":true,"city":"Rome","zip":7,"since":"1970-01-03"},`
				data = "[" + strings.TrimSuffix(strings.Repeat(record, rows), ",") + "]"
			}
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
	}
}

// FuzzCellDecoder checks that the rows of any document in any form have only values that their columns allow.
func FuzzCellDecoder(f *testing.F) {
	for _, text := range []string{
		`[{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":7,"since":"1970-01-03"},{"age":1,"member":0,"city":null}]`,
		`{"age":[1,2],"member":["yes",0],"city":["Rome",3]}`, `{"columns":["age","member","city"],"data":[[1,true,"x"]]}`,
		"age,member,city,zip\n1,yes,Rome,\n", `[[31,NaN,0,"Rome",7,-1.5]]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for form := range forms {
			rows, err := readVisits(form, string(data))
			for _, row := range rows {
				for i, v := range row {
					if bad := visits.Column(i).CheckValue(v); bad != "" {
						t.Fatalf("%s: %s %s", form, visits.Features[i], bad)
					}
				}
			}
			checkFrameError(t, form, data, err)
			if err == nil && len(rows) > 0 {
				checkVisitsAgain(t, rows)
			}
		}
	})
}

// checkVisitsAgain writes rows as texts and reads them again.
func checkVisitsAgain(t *testing.T, rows [][]float64) {
	t.Helper()
	var table strings.Builder
	table.WriteString(strings.Join(visits.Features[:5], ",") + "\n")
	for _, row := range rows {
		for i, v := range row[:5] {
			column := visits.Column(i)
			switch {
			case math.IsNaN(v):
			case column.Kind == dataset.Categorical && int(v) == len(column.Levels):
				table.WriteString("unseen")
			case column.Kind == dataset.Categorical:
				table.WriteString(column.Levels[int(v)])
			default:
				fmt.Fprint(&table, v)
			}
			if i < 4 {
				table.WriteByte(',')
			}
		}
		table.WriteByte('\n')
	}
	again, err := readVisits("csv", table.String())
	same := func(a, b []float64) bool { return datasettest.SameRow(a[:5], b[:5]) }
	if err != nil || !slices.EqualFunc(again, rows, same) {
		t.Fatalf("%v, %v; want %v", again, err, rows)
	}
}
