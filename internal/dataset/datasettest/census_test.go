package datasettest_test

import (
	"bytes"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

func TestCensus_hasTheShapeOfAdult(t *testing.T) {
	table, summary, err := dataset.Read(bytes.NewReader(datasettest.Census(5000)), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	categories, gaps := 0, 0
	for i := range table.Schema.Features {
		c := table.Schema.Column(i)
		if c.Codes() > 0 {
			categories++
		}
		if c.Missing {
			gaps++
		}
	}
	if len(table.Schema.Features) != 14 || categories != 8 || gaps != 3 {
		t.Errorf("%d features, %d categories, %d with gaps, want 14, 8 and 3", len(table.Schema.Features), categories, gaps)
	}
	for _, c := range summary.Profile.Classes {
		if c.Class == "high" && (c.Rows < 1000 || c.Rows > 1600) {
			t.Errorf("%d of 5000 rows are high, want about a quarter", c.Rows)
		}
	}
}
