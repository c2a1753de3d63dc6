package design

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestCivilOf(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		minute := random.Int64N(2*2_000*365*24*60) - 1_900*365*24*60
		at := time.Unix(minute*60, 0).UTC()
		want := civil{
			float64(at.Year()), float64(at.Month()), float64((at.Weekday() + 6) % 7), float64(at.Hour()),
		}
		if got := civilOf(float64(minute) / 1440); got != want {
			t.Fatalf("%v is %v, want %v", at, got, want)
		}
	}
}
