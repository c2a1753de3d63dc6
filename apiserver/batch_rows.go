package apiserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/scores"
	"iris/workflows"
)

// Of a page of results.
const (
	defaultRowsPage = 100
	maxRowsPage     = 10_000
	maxPageNumbers  = 1_000_000 // probabilities: a page of a model with many classes has fewer rows
)

// BatchRows is a page of the results of a batch.
type BatchRows struct {
	Rows          []ScoredRow `json:"rows" nullable:"false" doc:"in the order of the rows of the batch, without the bad ones"`
	Total         int64       `json:"total" doc:"rows of all pages"`
	NextPageToken string      `json:"next_page_token" doc:"empty on the last page"`
}

// ScoredRow is one of the results.
type ScoredRow struct {
	Keys          map[string]string  `json:"keys,omitempty" doc:"the key columns, as their text stands in the input"`
	Label         string             `json:"label" doc:"the most probable class" example:"setosa"`
	Probabilities map[string]float64 `json:"probabilities,omitempty" doc:"by class; absent when there are labels only"`
}

// position is a row among the results: the next one that a page has.
type position struct {
	part   int   // of the manifest
	row    int64 // of the part
	offset int64 // of the row in the part, in bytes; 0 for Parquet, which knows where its rows are
}

func (p position) encode() []byte {
	return binary.AppendUvarint(
		binary.AppendUvarint(binary.AppendUvarint(nil, uint64(p.part)), uint64(p.row)),
		uint64(p.offset),
	)
}

// decodePosition undoes encode. A token comes from us, for it has a check; ok is false when it does not fit these
// parts.
func decodePosition(token []byte, parts []workflows.Part) (p position, ok bool) {
	var numbers [3]uint64
	for i := range numbers {
		v, n := binary.Uvarint(token)
		if n <= 0 || v > math.MaxInt64 {
			return p, false
		}
		numbers[i], token = v, token[n:]
	}
	if numbers[0] >= uint64(len(parts)) {
		return p, false
	}
	p = position{part: int(numbers[0]), row: int64(numbers[1]), offset: int64(numbers[2])}
	part := parts[p.part]
	return p, p.row < part.Rows && p.offset < part.Ref.Size
}

// rowsQuery reads the parameters of a page.
func rowsQuery(query url.Values) (size int, token string, err error) {
	for name, given := range query {
		at := problem.Fault{Parameter: problem.Clip(name)}
		switch {
		case len(given) > 1:
			at.Detail = "is given twice"
		case name == "page_token":
			token = given[0]
		case name != "page_size":
			at.Detail = "is not a parameter of these pages: want page_size, page_token"
		default:
			if size, err = strconv.Atoi(given[0]); err != nil || size < 0 {
				at.Detail = fmt.Sprintf("%q is not a whole number from 0 on", problem.Clip(given[0]))
			}
		}
		if at.Detail != "" {
			return 0, "", problem.Invalid(at)
		}
	}
	return size, token, nil
}

// handleBatchRows sends a page of the results. It costs the reading of its rows, wherever in the results it is.
func (s *Server) handleBatchRows(w http.ResponseWriter, r *http.Request) error {
	size, sealed, err := rowsQuery(r.URL.Query())
	if err != nil {
		return err
	}
	m, err := s.finished(r)
	if err != nil {
		return err
	}
	token, err := openPageToken("rows of "+m.TaskID, sealed)
	if err != nil {
		return err
	}
	var from position
	if token != nil {
		var ok bool
		if from, ok = decodePosition(token, m.Parts); !ok {
			return problem.Invalid(
				problem.Fault{Parameter: "page_token", Detail: "does not fit the results: was this batch run again?"},
			)
		}
	}
	page := newRowsPage(m, httpio.NewBufferedWriter(w))
	w.Header()["Content-Type"] = httpio.JSONType
	w.Header()["Model-Version"] = []string{m.Model + "/" + m.Version}
	announceErrors(w, m)
	next, err := s.rows(
		r.Context(),
		m,
		from,
		min(either(size, defaultRowsPage), maxRowsPage, max(1, maxPageNumbers/max(1, len(m.Layout.Classes)))),
		page,
	)
	if err != nil {
		return fmt.Errorf("send rows of %s: %w", m.TaskID, err)
	}
	nextToken := ""
	if next.part < len(m.Parts) {
		nextToken = pageToken("rows of "+m.TaskID, next.encode())
	}
	return page.end(m.Rows, nextToken)
}

// rows hands up to most rows to a page, and returns where the next one begins: behind the last part when there is none.
func (s *Server) rows(
	ctx context.Context,
	m *workflows.Manifest,
	from position,
	most int,
	page *rowsPage,
) (position, error) {
	at := from
	for {
		for at.part < len(m.Parts) && at.row == m.Parts[at.part].Rows {
			at = position{part: at.part + 1}
		}
		if at.part == len(m.Parts) || most == 0 {
			return at, nil
		}
		n, offset, err := s.partRows(ctx, m.Layout, m.Parts[at.part], at, most, page.row)
		if err != nil {
			return at, fmt.Errorf("read %s: %w", m.Parts[at.part].Ref.URI(), err)
		}
		at.row, at.offset, most = at.row+int64(n), at.offset+offset, most-n
	}
}

// partRows hands the rows of a part from one on to take, at most so many. It returns how many, and the bytes they have.
func (s *Server) partRows(
	ctx context.Context,
	layout scores.Layout,
	part workflows.Part,
	from position,
	most int,
	take func(*scores.Row) error,
) (n int, offset int64, err error) {
	rows, closeRows, err := s.openPart(ctx, layout, part, from)
	if err != nil {
		return 0, 0, err
	}
	defer closeRows()
	var row scores.Row
	for n = 0; n < most && from.row+int64(n) < part.Rows; n++ {
		if err := rows.Read(&row); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("it has %d rows, the manifest says %d", from.row+int64(n), part.Rows)
			}
			return n, 0, err
		}
		if err := take(&row); err != nil {
			return n, 0, err
		}
	}
	return n, rows.Offset(), nil
}

// openPart begins to read a part at one of its rows.
func (s *Server) openPart(
	ctx context.Context,
	layout scores.Layout,
	part workflows.Part,
	from position,
) (*scores.Reader, func(), error) {
	if layout.Format == scores.Parquet {
		rows, err := layout.NewParquetReader(
			&blockReader{from: s.Store.ReaderAt(ctx, part.Ref), size: part.Ref.Size},
			part.Ref.Size,
		)
		if err != nil {
			return nil, nil, err
		}
		closeRows := func() { _ = rows.Close() } // only read from
		if err := rows.Skip(from.row); err != nil {
			closeRows()
			return nil, nil, err
		}
		return rows, closeRows, nil
	}
	body, err := s.Store.GetRange(ctx, part.Ref, from.offset, part.Ref.Size-from.offset)
	if err != nil {
		return nil, nil, err
	}
	closeBody := func() { _ = body.Close() } // only read from
	rows, err := layout.NewLineReader(body)
	if err != nil {
		closeBody()
		return nil, nil, err
	}
	return rows, closeBody, nil
}

// rowsPage writes BatchRows.
type rowsPage struct {
	to      *bufio.Writer
	layout  scores.Layout
	keys    [][]byte // `"id":`
	labels  [][]byte // `"label":"setosa"`
	classes [][]byte // `"setosa":`
	line    []byte
	begun   bool
}

func newRowsPage(m *workflows.Manifest, to *bufio.Writer) *rowsPage {
	p := &rowsPage{to: to, layout: m.Layout}
	for _, key := range m.Layout.Keys {
		p.keys = append(p.keys, []byte(httpio.Quote(key)+":"))
	}
	for _, class := range m.Layout.Classes {
		p.labels = append(p.labels, []byte(`"label":`+httpio.Quote(class)))
		p.classes = append(p.classes, []byte(httpio.Quote(class)+":"))
	}
	return p
}

// row writes an element of the list.
func (p *rowsPage) row(row *scores.Row) error {
	line := append(p.line[:0], ",\n{"...)
	if !p.begun {
		p.begun = true
		line = append(p.line[:0], `{"rows":[{`...)
	}
	for i, key := range row.Keys {
		if i == 0 {
			line = append(line, `"keys":{`...)
		} else {
			line = append(line, ',')
		}
		line = append(append(line, p.keys[i]...), httpio.Quote(key)...)
	}
	if len(row.Keys) > 0 {
		line = append(line, "},"...)
	}
	line = append(line, p.labels[row.Label]...)
	for i, probability := range row.Probabilities {
		if i == 0 {
			line = append(line, `,"probabilities":{`...)
		} else {
			line = append(line, ',')
		}
		line = scores.AppendNumber(append(line, p.classes[i]...), probability)
	}
	if len(row.Probabilities) > 0 {
		line = append(line, '}')
	}
	p.line = append(line, '}')
	_, err := p.to.Write(p.line)
	return err
}

// end writes what is behind the list.
func (p *rowsPage) end(total int64, next string) error {
	open := `{"rows":[`
	if p.begun {
		open = ""
	}
	_, _ = fmt.Fprintf(
		p.to,
		"%s],\"total\":%d,\"next_page_token\":%s}\n",
		open,
		total,
		httpio.Quote(next),
	) // a failure shows at the flush
	return p.to.Flush()
}
