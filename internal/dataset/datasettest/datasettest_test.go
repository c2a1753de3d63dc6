package datasettest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

func TestFolds_areStratified(t *testing.T) {
	for name, csv := range map[string][]byte{
		"iris": datasettest.Iris(), "wine": datasettest.Wine(), "breast_cancer": datasettest.BreastCancer(),
	} {
		table, summary, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		folds := datasettest.Folds(name)
		if len(folds) != table.Rows() {
			t.Fatalf("%s: %d folds for %d rows", name, len(folds), table.Rows())
		}
		counts := make(map[[2]int]int)
		for row, fold := range folds {
			counts[[2]int{fold, table.Y[row]}]++
		}
		for class, c := range summary.Profile.Classes {
			for fold := range 5 {
				if n := counts[[2]int{fold, class}]; n < c.Rows/5 || n > c.Rows/5+1 {
					t.Errorf("%s: fold %d has %d of the %d rows of class %s, want a fifth", name, fold, n, c.Rows, c.Class)
				}
			}
		}
	}
}

func TestUCIIris(t *testing.T) {
	uci := string(datasettest.UCIIris())
	if !strings.HasPrefix(uci, "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,") ||
		!strings.HasSuffix(uci, "5.9,3.0,5.1,1.8,Iris-virginica\n\n") {
		t.Errorf("the data begins %q and ends %q", uci[:40], uci[len(uci)-40:])
	}
	if n := strings.Count(uci, "4.9,3.1,1.5,0.1,Iris-setosa\n"); n != 3 {
		t.Errorf("%d rows as in UCI's rows 9, 34 and 37, want 3", n)
	}
	if n := strings.Count(uci, "\n"); n != 151 {
		t.Errorf("%d lines, want 151", n)
	}
}

// Each case has its own name, and its fields agree with each other and with its bytes. The tests of Scan check that it
// is refused.
func TestBadCSVs(t *testing.T) {
	names := make(map[string]bool)
	for _, bad := range datasettest.BadCSVs() {
		if bad.Name == "" || bad.Want == "" || names[bad.Name] {
			t.Errorf("case %q has no text to want, or its name is not its own", bad.Name)
		}
		names[bad.Name] = true
		if lines := bytes.Count(bad.CSV, []byte("\n")) + 1; bad.Line > lines {
			t.Errorf("%s: line %d of %d", bad.Name, bad.Line, lines)
		}
		if tooLarge := bad.MaxBytes > 0 &&
			int64(len(bad.CSV)) > bad.MaxBytes; tooLarge != (bad.Status == http.StatusRequestEntityTooLarge) {
			t.Errorf("%s: %d bytes of %d make status %d", bad.Name, len(bad.CSV), bad.MaxBytes, bad.Status)
		}
	}
}
