package literal

import (
	"fmt"
	"strconv"
	"time"
)

// DateOrder is the order of year, month and day in the dates of a column.
type DateOrder string

// The orders of dates.
const (
	YearFirst  DateOrder = "ymd" // ISO 8601
	DayFirst   DateOrder = "dmy"
	MonthFirst DateOrder = "mdy"
)

// Check returns an error unless o is one of the orders, or "".
func (o DateOrder) Check() error {
	switch o {
	case "", YearFirst, DayFirst, MonthFirst:
		return nil
	}
	return fmt.Errorf("date order %s, want %s, %s or %s", strconv.Quote(string(o)), YearFirst, DayFirst, MonthFirst)
}

// Date is what is read from the text of a date and time.
type Date struct {
	Days float64 // since 1970-01-01 in UTC, with the time of day as a fraction
	Time bool    // the text has a time of day
}

// ParseDate reads a date, with or without a time, in one of these forms; the separator of the parts of a date is -, /
// or a point, the same one twice, and a time without an offset is in UTC:
//
//	2024-01-31   2024-01-31 17:05   2024-01-31T17:05:09.25Z   2024-01-31T17:05+01:00   (any order)
//	31.01.2024 17:05:09                                                                  DayFirst
//	1/31/2024                                                                            MonthFirst
//
// A year has four digits; months, days and hours have one or two. A text that begins with a year is read as YearFirst
// whatever the order. ParseDate does not allocate.
func ParseDate[T string | []byte](text T, order DateOrder) (Date, bool) {
	p := dateParser[T]{text: text}
	a, digitsA, ok := p.number(4)
	if !ok || p.at >= len(text) {
		return Date{}, false
	}
	separator := text[p.at]
	if separator != '-' && separator != '/' && separator != '.' {
		return Date{}, false
	}
	p.at++
	b, digitsB, ok := p.number(2)
	if !ok || digitsB > 2 || !p.skip(separator) {
		return Date{}, false
	}
	c, digitsC, ok := p.number(4)
	if !ok {
		return Date{}, false
	}
	var year, month, day int
	switch {
	case digitsA == 4 && digitsC <= 2:
		year, month, day = a, b, c
	case digitsC != 4 || digitsA > 2:
		return Date{}, false
	case order == DayFirst:
		year, month, day = c, b, a
	case order == MonthFirst:
		year, month, day = c, a, b
	default:
		return Date{}, false
	}
	if month < 1 || month > 12 || day < 1 || day > daysOf(year, time.Month(month)) {
		return Date{}, false
	}
	date := Date{Days: float64(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400)}
	if p.at == len(text) {
		return date, true
	}
	seconds, ok := p.clock()
	if !ok {
		return Date{}, false
	}
	date.Days += seconds / 86400
	date.Time = true
	return date, true
}

func daysOf(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dateParser reads the parts of a date one after the other.
type dateParser[T string | []byte] struct {
	text T
	at   int
}

// number reads up to that many digits, at least one.
func (p *dateParser[T]) number(most int) (value, digits int, ok bool) {
	for p.at < len(p.text) && IsDigit(p.text[p.at]) {
		if digits == most {
			return 0, 0, false
		}
		value = value*10 + int(p.text[p.at]-'0')
		digits++
		p.at++
	}
	return value, digits, digits > 0
}

// skip reads one byte if it is c.
func (p *dateParser[T]) skip(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// clock reads a time of day to the end of the text, and returns the seconds since midnight in UTC.
func (p *dateParser[T]) clock() (seconds float64, ok bool) {
	if !p.skip('T') && !p.skip('t') && !p.skip(' ') {
		return 0, false
	}
	hour, _, ok := p.number(2)
	if !ok || hour > 23 || !p.skip(':') {
		return 0, false
	}
	minute, digits, ok := p.number(2)
	if !ok || digits != 2 || minute > 59 {
		return 0, false
	}
	seconds = float64(hour*3600 + minute*60)
	if p.skip(':') {
		second, digits, ok := p.number(2)
		if !ok || digits != 2 || second > 60 {
			return 0, false
		}
		seconds += float64(second)
		if p.skip('.') {
			scale := 0.1
			start := p.at
			for ; p.at < len(p.text) && IsDigit(p.text[p.at]); p.at++ {
				seconds += float64(p.text[p.at]-'0') * scale
				scale /= 10
			}
			if p.at == start {
				return 0, false
			}
		}
	}
	offset, ok := p.offset()
	return seconds - offset, ok && p.at == len(p.text)
}

// offset reads Z, an offset such as +01:00, or nothing, and returns it in seconds.
func (p *dateParser[T]) offset() (seconds float64, ok bool) {
	if p.at == len(p.text) || p.skip('Z') || p.skip('z') {
		return 0, true
	}
	sign := 1.0
	if p.skip('-') {
		sign = -1
	} else if !p.skip('+') {
		return 0, false
	}
	hours, digits, ok := p.number(2)
	if !ok || digits != 2 || hours > 14 {
		return 0, false
	}
	p.skip(':')
	minutes, digits, ok := p.number(2)
	if !ok || digits != 2 || minutes > 59 {
		return 0, false
	}
	return sign * float64(hours*3600+minutes*60), true
}
