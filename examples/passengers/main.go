// Passengers writes the data of the second example in the README to standard output: the passengers of a ship that
// never sailed, with texts, gaps and a class. The same program writes the same rows.
//
//	go run ./examples/passengers > examples/passengers.csv
package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
)

// rows is the number of passengers.
const rows = 900

func main() {
	out := bufio.NewWriter(os.Stdout)
	write(out)
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write writes the CSV.
func write(out *bufio.Writer) {
	r := rand.New(rand.NewPCG(1912, 4))
	_, _ = out.WriteString("cabin,sex,age,relatives,fare,port,survived\n") // Flush returns the first error
	for range rows {
		_, _ = out.WriteString(passenger(r) + "\n")
	}
}

// passenger returns a row. Women, children and those who paid for a better cabin survive more often.
func passenger(r *rand.Rand) string {
	cabin := pick(r, .24, .21)
	female := r.Float64() < .35
	age := math.Round(math.Max(1, 38-5*float64(cabin)+13*r.NormFloat64()))
	relatives := int(r.ExpFloat64() * .9)
	fare := math.Exp(4.3-.9*float64(cabin)+.5*r.NormFloat64()) * (1 + .4*float64(relatives))
	port := pick(r, .7, .2)

	odds := -.3 - .9*float64(cabin) - .03*(age-30) - .25*float64(max(0, relatives-2))
	if female {
		odds += 2.6
	}
	if age < 14 {
		odds += 1.2
	}
	if port == 1 {
		odds += .4
	}
	survived := "no"
	if r.Float64() < 1/(1+math.Exp(-odds)) {
		survived = "yes"
	}
	sex := "male"
	if female {
		sex = "female"
	}
	ageText, portText := fmt.Sprint(age), [...]string{"Southampton", "Cherbourg", "Queenstown"}[port]
	if r.Float64() < .2 {
		ageText = ""
	}
	if r.Float64() < .005 {
		portText = ""
	}
	return fmt.Sprintf("%s,%s,%s,%d,%.2f,%s,%s",
		[...]string{"first", "second", "third"}[cabin], sex, ageText, relatives, fare, portText, survived)
}

// pick returns 0, 1 or 2, the first two with the given probabilities.
func pick(r *rand.Rand, first, second float64) int {
	switch v := r.Float64(); {
	case v < first:
		return 0
	case v < first+second:
		return 1
	}
	return 2
}
