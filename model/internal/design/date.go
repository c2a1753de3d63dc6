package design

import (
	"math"
	"slices"
)

// Part is a part of a date that a learner sees as a number.
type Part string

// The parts of a date. The date itself is the days since 1970-01-01.
const (
	partYear    Part = "year"
	partMonth   Part = "month"   // 1 to 12
	partWeekday Part = "weekday" // 0 for Monday to 6 for Sunday
	partHour    Part = "hour"    // 0 to 23
)

// dateParts returns the parts of dates that are inputs before the date itself.
func dateParts(hours bool) []Part {
	parts := []Part{partYear, partMonth, partWeekday}
	if hours {
		parts = append(parts, partHour)
	}
	return parts
}

func (p Part) valid() bool { return p == "" || slices.Contains(dateParts(true), p) }

// civil is a date by its parts. All of them are whole numbers.
type civil struct{ year, month, weekday, hour float64 }

func (c civil) part(p Part) float64 {
	switch p {
	case partYear:
		return c.year
	case partMonth:
		return c.month
	case partWeekday:
		return c.weekday
	}
	return c.hour
}

// hourSlack is added before an hour is rounded down: the days of a full hour are seldom exact in binary.
const hourSlack = 1e-6

// civilOf returns the parts of the date that is that many days after 1970-01-01. Years begin in March inside, so that
// the day that only some have is the last one. The method is that of Hinnant, "chrono-compatible low-level date
// algorithms", 2013. It uses float64 alone, so that the operators of onnxDate, in the same order, compute the same. The
// conversions keep the compiler from fusing a product into a sum, which rounds differently.
func civilOf(days float64) civil {
	day := math.Floor(days)
	z := day + 719468 // since 0000-03-01
	era := math.Floor(z / 146097)
	of := z - float64(era*146097) // day of the era of 400 years
	year := math.Floor((of - math.Floor(of/1460) + math.Floor(of/36524) - math.Floor(of/146096)) / 365)
	of -= float64(year*365) + math.Floor(year/4) - math.Floor(year/100) // day of the year
	month := math.Floor((float64(of*5) + 2) / 153)                      // 0 for March
	late := math.Floor(month / 10)                                      // 1 for January and February
	weekday := day + 3
	return civil{
		year:    year + float64(era*400) + late,
		month:   month + 3 - float64(late*12),
		weekday: weekday - float64(math.Floor(weekday/7)*7),
		hour:    math.Min(math.Floor(float64((days-day)*24)+hourSlack), 23),
	}
}
