package tablefile

import "sort"

// lineMap knows on which lines of a file the lines of the CSV were. It keeps a bounded number of places where the
// distance changes; after that, lines are only nearly right.
type lineMap struct {
	at []place
}

type place struct{ csv, file int }

const maxPlaces = 1 << 16

// add records that a line of the CSV was this line of the file.
func (m *lineMap) add(csv, file int) {
	last := place{1, 1}
	if len(m.at) > 0 {
		last = m.at[len(m.at)-1]
	}
	if file-csv != last.file-last.csv && len(m.at) < maxPlaces {
		m.at = append(m.at, place{csv, file})
	}
}

// find returns the line of the file.
func (m *lineMap) find(csv int) int {
	i := sort.Search(len(m.at), func(i int) bool { return m.at[i].csv > csv })
	if i == 0 {
		return csv
	}
	return max(1, m.at[i-1].file+csv-m.at[i-1].csv)
}

// rowReader reads a CSV that next makes row by row. next appends some rows to a buffer.
type rowReader struct {
	next func(to []byte) ([]byte, error)
	rows []byte // made, and from at on not read
	at   int
	err  error
}

// Read implements io.Reader.
func (r *rowReader) Read(p []byte) (int, error) {
	for r.at == len(r.rows) {
		if r.err != nil {
			return 0, r.err
		}
		r.rows, r.at = r.rows[:0], 0
		for len(r.rows) < rowsBuffered && r.err == nil {
			r.rows, r.err = r.next(r.rows)
		}
	}
	n := copy(p, r.rows[r.at:])
	r.at += n
	return n, nil
}

const rowsBuffered = 16 << 10

// appendRow appends a record to a CSV.
func appendRow[T string | []byte](to []byte, cells []T) []byte {
	for i, cell := range cells {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendCell(to, cell)
	}
	if len(cells) == 1 && len(cells[0]) == 0 {
		to = append(to, `""`...) // an empty line would not be a record
	}
	return append(to, '\n')
}

// appendCell appends a cell to a record, in quotes if it needs them.
func appendCell[T string | []byte](to []byte, cell T) []byte {
	plain := true
	for i := range len(cell) {
		plain = plain && cell[i] != ',' && cell[i] != '"' && cell[i] != '\n' && cell[i] != '\r'
	}
	if plain {
		return append(to, cell...)
	}
	to = append(to, '"')
	for i := range len(cell) {
		if cell[i] == '"' {
			to = append(to, '"')
		}
		to = append(to, cell[i])
	}
	return append(to, '"')
}
