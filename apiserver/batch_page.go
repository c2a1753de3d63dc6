package apiserver

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/scores"
	"iris/workflows"
)

// Limits of a page of results.
const (
	defaultRowsPage = 100
	maxRowsPage     = 10_000
	maxPageNumbers  = 1_000_000 // probabilities: a page of a model with many classes has fewer rows
)

// BatchRows is a page of the results of a batch.
type BatchRows struct {
	Rows          []ScoredRow `json:"rows" nullable:"false" doc:"In the order of the rows of the batch, without the bad ones."`
	Total         int64       `json:"total" doc:"Number of rows of all pages."`
	NextPageToken string      `json:"next_page_token" doc:"Empty on the last page."`
}

// ScoredRow is the result of one row.
type ScoredRow struct {
	Keys          map[string]string  `json:"keys,omitempty" doc:"The key columns, with their text from the input."`
	Label         string             `json:"label" doc:"The most probable class." example:"setosa"`
	Probabilities map[string]float64 `json:"probabilities,omitempty" doc:"Probability of each class. Absent if the batch has labels only."`
}

// getRows sends a page of the results. It reads only the rows of the page.
func (bs *batches) getRows(w http.ResponseWriter, r *http.Request) error {
	size, sealed, err := pageQuery(r.URL.Query())
	if err != nil {
		return err
	}
	m, err := bs.findResults(r)
	if err != nil {
		return err
	}
	list := "rows of " + m.TaskID
	token, err := openPageToken(list, sealed)
	if err != nil {
		return err
	}
	var from position
	if token != nil {
		var ok bool
		if from, ok = decodePosition(token, m.Parts); !ok {
			return problem.Invalid(problem.Fault{
				Parameter: "page_token", Detail: "does not fit the results: was this batch run again?",
			})
		}
	}
	page := newRowsPage(m, httpio.NewBufferedWriter(w))
	w.Header()["Content-Type"] = httpio.JSONType
	w.Header()["Model-Version"] = []string{m.Model + "/" + m.Version}
	setBadRowsHeader(w, m)
	limit := min(cmp.Or(size, defaultRowsPage), maxRowsPage, max(1, maxPageNumbers/max(1, len(m.Layout.Classes))))
	next, err := bs.readRows(r.Context(), m, from, limit, page.row)
	if err != nil {
		return fmt.Errorf("send rows of %s: %w", m.TaskID, err)
	}
	nextToken := ""
	if next.part < len(m.Parts) {
		nextToken = pageToken(list, next.encode())
	}
	return page.end(m.Rows, nextToken)
}

// pageQuery reads the parameters of a page.
func pageQuery(query url.Values) (size int, token string, err error) {
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

// position is a row of the results: the first one of the next page.
type position struct {
	part   int   // of the manifest
	row    int64 // of the part
	offset int64 // of the row in the part, in bytes; 0 for Parquet, which has an index
}

func (p position) encode() []byte {
	encoded := binary.AppendUvarint(nil, uint64(p.part))
	encoded = binary.AppendUvarint(encoded, uint64(p.row))
	return binary.AppendUvarint(encoded, uint64(p.offset))
}

// decodePosition reverses encode. ok is false if the position is outside of the parts.
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

// end writes what follows the list.
func (p *rowsPage) end(total int64, next string) error {
	open := `{"rows":[`
	if p.begun {
		open = ""
	}
	// An error shows at the flush.
	_, _ = fmt.Fprintf(p.to, "%s],\"total\":%d,\"next_page_token\":%s}\n", open, total, httpio.Quote(next))
	return p.to.Flush()
}
