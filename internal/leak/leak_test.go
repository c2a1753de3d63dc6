package leak_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/leak"
)

func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var csv strings.Builder
	csv.WriteString("copy,sum,noise,unique,code,half,kind\n")
	for i := range 600 {
		class := r.IntN(2)
		half := class
		if r.IntN(10) == 0 {
			half = 1 - class
		}
		fmt.Fprintf(&csv, "%s,%.3f,%.3f,u%d,%d,h%d,%c\n", []string{"x", "y"}[class], float64(class)*10+r.NormFloat64(),
			r.NormFloat64(), i/4, 3-class, half, 'a'+rune(class))
	}
	table, _, err := dataset.Read(strings.NewReader(csv.String()), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range leak.Find(table) {
		got = append(got, w.Column)
	}
	if want := "copy sum code"; strings.Join(got, " ") != want {
		t.Errorf("leaks %v, want %s", got, want)
	}
	iris, _, err := dataset.Read(strings.NewReader(string(dataset.IrisCSV())), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if warnings := leak.Find(iris); warnings != nil {
		t.Errorf("leaks of iris %v, want none", warnings)
	}
}
