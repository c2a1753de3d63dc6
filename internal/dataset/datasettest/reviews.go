package datasettest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// ReviewsCSV returns a CSV in which only the free text, in the column review, tells the class. Some rows have no text.
func ReviewsCSV(rows int) []byte {
	about := strings.Fields("table waiter soup room street view kitchen menu glass music chair evening price door lamp")
	says := map[string][]string{
		"bad":  strings.Fields("awful dirty late broken cold rude noisy slow expensive stale"),
		"good": strings.Fields("lovely clean friendly fresh warm quick quiet charming tasty bright"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	word := func(from []string) string { return from[random.IntN(len(from))] }
	var b bytes.Buffer
	b.WriteString("age,review,verdict\n")
	for i := range rows {
		class := []string{"bad", "good"}[i%2]
		text := fmt.Sprintf("The %s was %s, and our %s: %s %s! (%d)",
			word(about), word(says[class]), word(about), word(says[class]), word(about), i)
		if random.IntN(50) == 0 {
			text = ""
		}
		fmt.Fprintf(&b, "%d,%q,%s\n", 20+random.IntN(50), text, class)
	}
	return b.Bytes()
}

// Reviews returns a table of ReviewsCSV.
func Reviews(t testing.TB, rows int) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(ReviewsCSV(rows)), dataset.ScanOptions{HashText: true})
	if err != nil {
		t.Fatal(err)
	}
	return table
}
