package activities

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/model"
)

// ScoreShardInput names a shard, what scores it and where its scores go.
type ScoreShardInput struct {
	TaskID  string       `json:"task_id"`
	Index   int          `json:"index"`
	Shard   Shard        `json:"shard"`
	Rows    objstore.Ref `json:"rows"`
	Model   PinnedModel  `json:"model"`
	Columns []int        `json:"columns"`
}

// Part is where the scores of a shard lie.
type Part struct {
	Ref    objstore.Ref `json:"ref"`
	Shard  int          `json:"shard"`
	First  int64        `json:"first"` // index of its first row in the output
	Rows   int64        `json:"rows"`  // scored
	Failed int64        `json:"failed,omitempty"`
}

// ScoreShard scores the rows of one shard and writes a line for each, in their order: the label, then the probability
// of every class. The key is that of the shard, so that a retry overwrites.
func (a *Activities) ScoreShard(ctx context.Context, in ScoreShardInput) (Part, error) {
	report, stop := beat(ctx)
	defer stop()
	p, err := a.scoreShard(ctx, in, report)
	return p, translate(err)
}

func (a *Activities) scoreShard(ctx context.Context, in ScoreShardInput, report func(Progress)) (Part, error) {
	m, err := a.scorer(ctx, in.Model)
	if err != nil {
		return Part{}, err
	}
	body, err := a.o.Store.GetRange(ctx, in.Rows, in.Shard.Offset, in.Shard.Length)
	if err != nil {
		return Part{}, err
	}
	defer body.Close() //nolint:errcheck // only read from
	reader, writer := io.Pipe()
	go func() {
		err := score(ctx, writer, body, m, in, func(rows int64) {
			report(Progress{Done: rows, Total: in.Shard.Rows, Unit: "rows"})
		})
		writer.CloseWithError(err)
	}()
	ref, err := a.o.Store.Put(ctx, a.o.Bucket, objstore.BatchPartKey(in.TaskID, in.Index, scores.CSV.Extension()), reader, -1, "text/csv")
	reader.CloseWithError(io.ErrClosedPipe) // ends the goroutine where Put gave up early
	return Part{Ref: ref, Shard: in.Index, First: in.Shard.First, Rows: in.Shard.Rows}, err
}

const reportEvery = 10_000 // rows

// score writes a line of scores for every line of r.
func score(ctx context.Context, w io.Writer, r io.Reader, m *model.Model, in ScoreShardInput, report func(rows int64)) error {
	classes := make([]string, len(m.Schema().Classes))
	for i, class := range m.Schema().Classes {
		classes[i] = csvField(class)
	}
	lines := bufio.NewReaderSize(r, maxLine)
	out := bufio.NewWriterSize(w, 1<<16)
	x := make([]float64, len(in.Columns))
	probabilities := make([]float64, len(classes))
	cells := make([][]byte, 0, len(x))
	var line []byte
	for rows := int64(0); ; rows++ {
		number := int(in.Shard.First+rows) + 2 // of the file, after the header
		text, err := readLine(lines, number)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if cells, err = parseRow(cells[:0], bytes.TrimRight(text, "\r\n"), in.Columns, x); err != nil {
			return &dataset.RowError{Line: number, Reason: err.Error()}
		}
		class := m.Predict(x, probabilities)
		line = append(line[:0], classes[class]...)
		for _, p := range probabilities {
			line = strconv.AppendFloat(append(line, ','), p, 'g', -1, 64)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
		if rows%reportEvery == 0 {
			report(rows)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// parseRow reads the columns of a line into x and returns the cells it cut, to be used again.
func parseRow(cells [][]byte, line []byte, columns []int, x []float64) ([][]byte, error) {
	for {
		cell, rest, more := bytes.Cut(line, []byte{','})
		cells = append(cells, cell)
		if !more {
			break
		}
		line = rest
	}
	for i, column := range columns {
		if column >= len(cells) {
			return cells, fmt.Errorf("has %d cells, want at least %d", len(cells), column+1)
		}
		v, err := strconv.ParseFloat(string(cells[column]), 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return cells, fmt.Errorf("cell %d is %.40q, not a finite number", column+1, cells[column])
		}
		x[i] = v
	}
	return cells, nil
}

// csvField quotes a class where CSV needs it.
func csvField(s string) string {
	if strings.ContainsAny(s, ",\"\r\n") || strings.TrimSpace(s) != s {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
