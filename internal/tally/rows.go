package tally

// maxRows limits how many different rows Rows remembers.
const maxRows = 1 << 14

// Rows counts rows that are equal. It remembers some of them: all while there are few, then those whose hash begins
// with more and more zeros, and estimates the rest.
type Rows struct {
	depth int
	seen  map[uint64]rowSeen
}

type rowSeen struct {
	label uint64 // of the first row
	rows  int
	same  int // rows with the label of the first
}

// Add counts a row by the hash of its features and that of its label.
func (r *Rows) Add(features, label uint64) {
	if features>>(64-r.depth) != 0 {
		return
	}
	if r.seen == nil {
		r.seen = map[uint64]rowSeen{}
	}
	row, known := r.seen[features]
	if !known {
		row.label = label
	}
	row.rows++
	if row.label == label {
		row.same++
	}
	r.seen[features] = row
	for len(r.seen) > maxRows {
		r.depth++
		for hash := range r.seen {
			if hash>>(64-r.depth) != 0 {
				delete(r.seen, hash)
			}
		}
	}
}

// Equal returns how many rows are equal to an earlier one in features and label, and how many have the features of
// another row with another label. The numbers are exact if there were few different rows.
func (r *Rows) Equal() (duplicates, conflicts int, exact bool) {
	for _, row := range r.seen {
		duplicates += row.same - 1
		if row.same < row.rows {
			conflicts += row.rows
		}
	}
	return duplicates << r.depth, conflicts << r.depth, r.depth == 0
}
