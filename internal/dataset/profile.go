package dataset

// ColumnProfile describes the values of one feature.
type ColumnProfile struct {
	Name string  `json:"name"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
}

// ClassCount is how often a class occurs.
type ClassCount struct {
	Class string `json:"class"`
	Rows  int    `json:"rows"`
}

// Profile describes a dataset: its columns in feature order, its classes in
// class order.
type Profile struct {
	Rows    int             `json:"rows"`
	Columns []ColumnProfile `json:"columns"`
	Classes []ClassCount    `json:"classes"`
}

// add takes one more row, in feature order, into the profile. The mean is
// updated as Welford does it, which loses nothing to a large sum, but divided
// before it is subtracted, so that values near the ends of float64 don't
// overflow.
func (p *Profile) add(x []float64) {
	p.Rows++
	n := float64(p.Rows)
	for i, v := range x {
		c := &p.Columns[i]
		if p.Rows == 1 {
			c.Min, c.Max = v, v
		}
		c.Min, c.Max = min(c.Min, v), max(c.Max, v)
		c.Mean += v/n - c.Mean/n
	}
}
