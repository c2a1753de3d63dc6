package activities

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"iris/internal/dataset"
	"iris/internal/objstore"
)

// Shards are ranges of bytes, at most maxShards of them, so that one run's history holds them all.
const (
	maxShards     = 1000
	minShardBytes = 1 << 20 // below, the cost of an activity outweighs that of scoring
)

// PlanShardsInput names the rows of a batch and what they are to be scored with.
type PlanShardsInput struct {
	Rows  objstore.Ref `json:"rows"`
	Model PinnedModel  `json:"model"`
}

// Plan cuts the rows of a batch into shards.
type Plan struct {
	Rows    int64   `json:"rows"`
	Columns []int   `json:"columns"` // of the file, in the feature order of the model
	Shards  []Shard `json:"shards"`
}

// Shard is a range of whole lines of the rows of a batch.
type Shard struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
	First  int64 `json:"first"` // index of its first row
	Rows   int64 `json:"rows"`
}

// String names the rows as the Temporal UI shows them.
func (s Shard) String() string { return fmt.Sprintf("rows %d–%d", s.First+1, s.First+s.Rows) }

// PlanShards reads the rows once and cuts them at the ends of lines. The header must name every feature of the model;
// further columns are skipped.
func (a *Activities) PlanShards(ctx context.Context, in PlanShardsInput) (Plan, error) {
	report, stop := beat(ctx)
	defer stop()
	p, err := a.planShards(ctx, in, report)
	return p, translate(err)
}

func (a *Activities) planShards(ctx context.Context, in PlanShardsInput, report func(Progress)) (Plan, error) {
	if err := a.mayRead(in.Rows); err != nil {
		return Plan{}, err
	}
	m, err := a.scorer(ctx, in.Model)
	if err != nil {
		return Plan{}, err
	}
	size, err := a.o.Store.Stat(ctx, in.Rows.Bucket, in.Rows.Key)
	if errors.Is(err, objstore.ErrNotExist) {
		return Plan{}, fmt.Errorf("%w: %s does not exist", errMissingData, in.Rows.URI())
	}
	if err != nil {
		return Plan{}, err
	}
	body, err := a.o.Store.Get(ctx, in.Rows)
	if err != nil {
		return Plan{}, err
	}
	defer body.Close() //nolint:errcheck // only read from
	return plan(body, m.Schema().Features, max(minShardBytes, size.Size/(maxShards-1)), func(rows int64) {
		report(Progress{Done: rows, Unit: "rows"})
	})
}

var errNoRows = &dataset.RowError{Reason: "has no rows"}

// maxLine bounds a line of the rows; 4096 numbers of 24 digits fit.
const maxLine = 1 << 20

// plan cuts r into shards of at least target bytes.
func plan(r io.Reader, features []string, target int64, report func(rows int64)) (Plan, error) {
	lines := bufio.NewReaderSize(r, maxLine)
	header, err := readLine(lines, 1)
	if errors.Is(err, io.EOF) {
		return Plan{}, errNoRows
	}
	if err != nil {
		return Plan{}, err
	}
	p := Plan{}
	if p.Columns, err = columns(string(bytes.TrimRight(header, "\r\n")), features); err != nil {
		return Plan{}, err
	}
	shard := Shard{Offset: int64(len(header))}
	for {
		line, err := readLine(lines, int(p.Rows)+2)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Plan{}, err
		}
		shard.Length += int64(len(line))
		shard.Rows++
		p.Rows++
		if shard.Length >= target {
			p.Shards = append(p.Shards, shard)
			shard = Shard{Offset: shard.Offset + shard.Length, First: p.Rows}
			report(p.Rows)
		}
	}
	if shard.Rows > 0 {
		p.Shards = append(p.Shards, shard)
	}
	if p.Rows == 0 {
		return Plan{}, errNoRows
	}
	return p, nil
}

// readLine returns a line with its end, valid until the next call; io.EOF after the last one.
func readLine(r *bufio.Reader, number int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, &dataset.RowError{Line: number, Reason: fmt.Sprintf("is longer than %d bytes", maxLine)}
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, nil
	}
	return line, err
}

// columns finds the features in the header.
func columns(header string, features []string) ([]int, error) {
	names, err := csv.NewReader(strings.NewReader(header)).Read()
	if err != nil {
		return nil, &dataset.RowError{Line: 1, Reason: "is not a header"}
	}
	at := make([]int, len(features))
	for i, feature := range features {
		if at[i] = slices.Index(names, feature); at[i] < 0 {
			return nil, &dataset.RowError{Line: 1, Column: feature, Reason: "is missing"}
		}
	}
	return at, nil
}
