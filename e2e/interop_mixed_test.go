//go:build interop

package e2e

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

// passengers returns a CSV of made-up passengers, with text, truths, dates and gaps. The rows of a strange one also
// have texts and gaps that the other has not.
func passengers(rows int, seed uint64, strange bool) string {
	random := rand.New(rand.NewPCG(seed, 11))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	gap := func(share float64, text string) string {
		if random.Float64() < share {
			return ""
		}
		return text
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	write := func(cells ...string) {
		if err := w.Write(cells); err != nil {
			panic(err) // a strings.Builder has no errors
		}
	}
	write("age", "fare", "siblings", "sex", "port", "cabin", "member", "boarded", "born", "survived")
	for range rows {
		female := random.IntN(2) == 1
		sex, odds := "male", .25
		if female {
			sex, odds = "female", .7
		}
		cabin := random.IntN(90)
		if cabin%3 == 0 {
			odds += .25
		}
		survived := "no"
		if random.Float64() < odds {
			survived = "yes"
		}
		if strange && random.IntN(5) == 0 {
			sex = pick("unknown", "MALE", "'quoted, \"text\"'")
		}
		port := pick("Southampton", "Cherbourg", "Köln")
		if strange && random.IntN(5) == 0 {
			port = "Reykjavík"
		}
		write(
			gap(.2, strconv.Itoa(1+random.IntN(80))),
			strconv.FormatFloat(float64(random.IntN(50_000))/100, 'f', -1, 64),
			strconv.Itoa(random.IntN(5)),
			sex,
			gap(.1, port),
			gap(.3, "C"+strconv.Itoa(cabin)),
			gap(.2, pick("yes", "no")),
			gap(.1, fmt.Sprintf("1912-04-%02d %02d:30", 1+random.IntN(14), random.IntN(24))),
			fmt.Sprintf("18%02d-%02d-%02d", 30+random.IntN(70), 1+random.IntN(12), 1+random.IntN(28)),
			survived,
		)
	}
	w.Flush()
	return b.String()
}

// The system trains every family on a table of texts, truths, dates and gaps. The rows that are compared have levels
// that the training did not see.
func TestInteropMixed(t *testing.T) {
	paths := testenv.Programs(t, stack.Interop)
	s := start(t)
	uri := s.put("given/interop-passengers.csv", []byte(passengers(1500, 1, false)))
	rows := passengers(600, 2, true)
	var cases []interopCase
	for _, algorithm := range model.Algorithms() {
		name := "interop-passengers-" + strings.ReplaceAll(string(algorithm), "_", "-")
		s.train(workflows.TrainingInput{Model: name, DatasetURI: uri, Algorithm: algorithm})
		c := s.interopMixedCase(name, rows)
		c.Serve = algorithm == model.GBDT || algorithm == model.LogisticRegression
		cases = append(cases, c)
	}
	s.check(
		script{name: "check.py", code: interopScript, python: paths.Interop, timeout: interopTimeout},
		cases,
		len(cases),
	)
}

// interopMixedCase loads the champion of a model as Iris does, and scores the rows of a CSV with it.
func (s *iris) interopMixedCase(name, text string) interopCase {
	s.t.Helper()
	c, m := s.loadChampion(name)
	schema := m.Schema()
	if schema.Plain() {
		s.t.Fatalf("the schema of %s is plain: %+v", name, schema)
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		s.t.Fatal(err)
	}
	cells := dataset.NewCells(schema)
	var kept strings.Builder
	w := csv.NewWriter(&kept)
	for r, record := range records {
		record = record[:len(record)-1] // the class column is the last one
		if err := w.Write(record); err != nil {
			s.t.Fatal(err)
		}
		if r == 0 {
			continue
		}
		x, p := make([]float64, cells.Width()), make([]float64, len(schema.Classes))
		for i, cell := range record {
			if reason := cells.Text(x, i, []byte(cell)); reason != "" {
				s.t.Fatalf("row %d, %s: %s", r, schema.Features[i], reason)
			}
		}
		c.Labels = append(c.Labels, schema.Classes[m.Predict(x, p)])
		c.Probabilities = append(c.Probabilities, p)
	}
	w.Flush()
	c.CSV = kept.String()
	return c
}
