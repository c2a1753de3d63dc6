package dataset

import (
	"errors"
	"strings"
	"testing"
)

func TestCell_isReadAsScanReadsIt(t *testing.T) {
	for _, cell := range []string{
		"1", " -2.5\t", "+1", ".5", "5.", "1e3", "1e400", "", " ", "x", "0x10", "NaN", "Inf", "1_0", "1 2", "-0",
		strings.Repeat("9", 400),
	} {
		got, reason := Cell([]byte(cell))
		var want float64
		_, err := Scan(
			strings.NewReader("a,b\n"+cell+",x\n1,x\n2,y\n3,y\n"),
			ScanOptions{Row: func(x []float64, _ string) error {
				if want == 0 {
					want = x[0]
				}
				return nil
			}},
		)
		var row *RowError
		if (reason != "") != errors.As(err, &row) || reason != "" && row.Reason != reason {
			t.Errorf("Cell(%q) says %q, Scan says %v", cell, reason, err)
		}
		if reason == "" && cell != "-0" && got != want {
			t.Errorf("Cell(%q) = %v, Scan reads %v", cell, got, want)
		}
	}
}
