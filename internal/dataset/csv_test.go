package dataset

import (
	"strings"
	"testing"
)

func TestCell_isReadAsReadReadsIt(t *testing.T) {
	schema := Schema{Features: []string{"a"}, Label: "b", Classes: []string{"x", "y"}}
	for _, cell := range []string{
		"1", " -2.5\t", "+1", ".5", "5.", "1e3", "1e400", "", " ", "x", "0x10", "Inf", "1_0", "1 2", "-0",
		strings.Repeat("9", 400),
	} {
		want, reason := Cell([]byte(cell))
		var got float64
		err := Each(strings.NewReader("a,b\n"+cell+",x\n"), ScanOptions{Schema: &schema}, func(x []float64, _ int) error {
			got = x[0]
			return nil
		})
		if (reason != "") != (err != nil) || reason != "" && !strings.Contains(err.Error(), reason) {
			t.Errorf("Cell(%q) says %q, Each says %v", cell, reason, err)
		}
		if got != want {
			t.Errorf("Cell(%q) = %v, Each reads %v", cell, want, got)
		}
	}
}
