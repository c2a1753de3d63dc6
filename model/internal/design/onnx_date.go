package design

import "iris/model/internal/onnx"

// onnxDate adds civilOf to a graph, operation by operation, as far as its parts are used.
type onnxDate struct {
	*onnx.Graph
	days string // name of the days since 1970-01-01

	day, year, month string // names, once they are made
}

func (d *onnxDate) part(p Part) string {
	if d.day == "" {
		d.day = d.floor(d.days)
	}
	switch p {
	case partYear, partMonth:
		if d.year == "" {
			d.civil()
		}
		if p == partYear {
			return d.year
		}
		return d.month
	case partWeekday:
		weekday := d.with("Add", d.day, 3)
		return d.Node("Sub", []string{weekday, d.with("Mul", d.floor(d.with("Div", weekday, 7)), 7)})
	}
	hours := d.with("Mul", d.Node("Sub", []string{d.days, d.day}), 24)
	return d.with("Min", d.floor(d.with("Add", hours, hourSlack)), 23)
}

// civil adds year and month. Its variables are those of civilOf.
func (d *onnxDate) civil() {
	quotient := func(a string, b float64) string { return d.floor(d.with("Div", a, b)) }
	z := d.with("Add", d.day, 719468)
	era := quotient(z, 146097)
	of := d.minus(z, d.with("Mul", era, 146097))
	leapless := d.minus(d.plus(d.minus(of, quotient(of, 1460)), quotient(of, 36524)), quotient(of, 146096))
	year := quotient(leapless, 365)
	before := d.minus(d.plus(d.with("Mul", year, 365), quotient(year, 4)), quotient(year, 100))
	of = d.minus(of, before)
	month := quotient(d.with("Add", d.with("Mul", of, 5), 2), 153)
	late := quotient(month, 10)
	d.year = d.plus(d.plus(year, d.with("Mul", era, 400)), late)
	d.month = d.minus(d.with("Add", month, 3), d.with("Mul", late, 12))
}

func (d *onnxDate) floor(a string) string    { return d.Node("Floor", []string{a}) }
func (d *onnxDate) plus(a, b string) string  { return d.Node("Add", []string{a, b}) }
func (d *onnxDate) minus(a, b string) string { return d.Node("Sub", []string{a, b}) }

// with adds an operation with a constant.
func (d *onnxDate) with(op, a string, b float64) string {
	return d.Node(op, []string{a, d.Doubles("number", []float64{b})})
}
