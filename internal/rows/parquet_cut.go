package rows

import "io"

// CutParquet finds the row groups of a Parquet file and makes shards of about target rows, or of more rows if there
// would be more than limit+1 shards. It merges small row groups and divides large ones.
func CutParquet(r io.ReaderAt, size int64, c Columns, target, limit int64) (_ Cuts, err error) {
	defer recovered(&err)
	f, _, err := openParquet(r, size, c)
	if err != nil {
		return Cuts{}, err
	}
	cuts := Cuts{Rows: f.NumRows()}
	if cuts.Rows == 0 {
		return Cuts{}, ErrNoRows
	}
	if limit <= 0 {
		target = cuts.Rows
	} else {
		target = max(target, 2*cuts.Rows/limit+1)
	}
	var first int64
	add := func(rows int64) {
		cuts.Shards = append(cuts.Shards, Shard{Offset: first, Length: rows, Line: first + 1, Rows: rows})
		first += rows
	}
	var pending int64
	for _, group := range f.RowGroups() {
		rows := group.NumRows()
		if pending > 0 && pending+rows > target {
			add(pending)
			pending = 0
		}
		pieces := max(1, (rows+target/2)/target)
		if pieces == 1 {
			pending += rows
			continue
		}
		for i := range pieces {
			add(rows*(i+1)/pieces - rows*i/pieces)
		}
	}
	if pending > 0 {
		add(pending)
	}
	return cuts, nil
}
