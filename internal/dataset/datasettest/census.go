package datasettest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
)

// census is the features of Census with the numbers of their levels, 0 for a number.
var census = []struct {
	name   string
	levels int
	gaps   bool
}{
	{"age", 0, false},
	{"work", 8, true},
	{"weight", 0, false},
	{"education", 16, false},
	{"years", 0, false},
	{"marital", 7, false},
	{"occupation", 14, true},
	{"relationship", 6, false},
	{"origin", 5, false},
	{"sex", 2, false},
	{"gain", 0, false},
	{"loss", 0, false},
	{"hours", 0, false},
	{"country", 41, true},
}

// Census returns a CSV of made-up rows that has the shape of the well-known table "Adult": six numbers, most of two of
// them 0, eight categories with gaps, and two classes, the second one in a quarter of the rows. The benchmarks use it.
// The same number of rows gives the same bytes.
func Census(rows int) []byte {
	random := rand.New(rand.NewPCG(5, 5))
	var b bytes.Buffer
	for _, c := range census {
		b.WriteString(c.name + ",")
	}
	b.WriteString("class\n")
	level := func(n int) int { return min(n-1, int(float64(n)*math.Pow(random.Float64(), 3))) }
	for range rows {
		age, years := 17+int(60*random.Float64()*random.Float64()), 1+random.IntN(16)
		logit := -4.8 + float64(min(age, 50))/20 + float64(years)/8
		for _, c := range census {
			switch c.name {
			case "age":
				fmt.Fprintf(&b, "%d,", age)
			case "weight":
				fmt.Fprintf(&b, "%d,", 12_000+random.IntN(500_000))
			case "years":
				fmt.Fprintf(&b, "%d,", years)
			case "hours":
				hours := 40
				if random.IntN(2) == 0 {
					hours = 10 + random.IntN(60)
				}
				logit += float64(hours-40) / 30
				fmt.Fprintf(&b, "%d,", hours)
			case "gain", "loss":
				amount := 0
				if random.IntN(20) == 0 {
					amount = 100 * (1 + random.IntN(150))
					logit += float64(amount-5000) / 3000
				}
				fmt.Fprintf(&b, "%d,", amount)
			default:
				n := level(c.levels)
				if c.gaps && random.IntN(20) == 0 {
					b.WriteString("?,")
					continue
				}
				logit += math.Sin(float64(7*n+c.levels)) / 2
				fmt.Fprintf(&b, "%s-%d,", c.name, n)
			}
		}
		class := "low"
		if random.Float64() < 1/(1+math.Exp(-logit)) {
			class = "high"
		}
		b.WriteString(class + "\n")
	}
	return b.Bytes()
}
