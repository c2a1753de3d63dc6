package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// ScoreShardInput is a shard of a plan.
type ScoreShardInput struct {
	TaskID string `json:"task_id"`
	Plan   string `json:"plan"`
	Shard  int    `json:"shard"`
	// MaxBadRows is how many bad rows the whole batch may have. A shard with more stops early. Nil is no limit.
	MaxBadRows *int64 `json:"most_bad,omitempty"`
}

// ScoredShard is the result of a shard.
type ScoredShard struct {
	Rows     int64  `json:"rows"` // scored
	BadRows  int64  `json:"failed,omitempty"`
	Bytes    int64  `json:"bytes"` // of the part
	FirstBad string `json:"first_bad,omitempty"`
	Unseen   int64  `json:"unseen,omitempty"`  // texts in the scored rows that are not a level of their feature
	Missing  int64  `json:"missing,omitempty"` // missing values in the scored rows
	Stopped  bool   `json:"stopped,omitempty"` // at more bad rows than the batch may have
}

// ScoreShard scores the rows of one shard in order, and writes its bad rows to a separate object. Running it twice is
// safe: the keys depend on the shard, so a retry overwrites the objects.
func (a *Activities) ScoreShard(ctx context.Context, in ScoreShardInput) (ScoredShard, error) {
	if err := checkDeaths(ctx, "scoring"); err != nil {
		return ScoredShard{}, translate(ctx, err)
	}
	report, stop := beat(ctx)
	defer stop()
	s, err := a.scoreShard(ctx, in, report)
	return s, translate(ctx, err)
}

func (a *Activities) scoreShard(ctx context.Context, in ScoreShardInput, report func(Progress)) (ScoredShard, error) {
	plan, err := a.readPlan(ctx, in.TaskID, in.Plan)
	if err != nil {
		return ScoredShard{}, err
	}
	m, err := a.pinned(ctx, plan.Model)
	if err != nil {
		return ScoredShard{}, err
	}
	if m, err = decided(m, plan.Threshold); err != nil {
		return ScoredShard{}, err
	}
	plan.Columns.Cells = dataset.CellsOf(m.Schema(), plan.OnUnseen)
	shard := plan.Shards[in.Shard]
	reader, err := a.openShard(ctx, plan, shard)
	if err != nil {
		return ScoredShard{}, err
	}
	defer reader.Close() //nolint:errcheck // read only
	bad := &badRows{
		object: plan.badRowsObject(shard.Object),
		safe:   plan.Layout.CSVSafe,
		out:    a.newSink(ctx, objstore.BatchPartErrorsKey(in.TaskID, in.Shard), "text/csv"),
	}
	part := a.newSink(
		ctx,
		objstore.BatchPartKey(in.TaskID, in.Shard, plan.Layout.Format.Extension()),
		plan.Layout.Format.MediaType(),
	)
	s := shardScorer{model: m, reader: reader, bad: bad, maxBadRows: in.MaxBadRows, report: func(n int64) {
		report(Progress{Done: n, Total: shard.Rows, Unit: "rows"})
	}}
	err = s.run(ctx, plan, part)
	_, errBad := bad.out.close(err)
	ref, errPart := part.close(err)
	s.result.Bytes = ref.Size
	return s.result, cmp.Or(err, errPart, errBad)
}

// shardReader reads the rows of a shard. Close releases its connection or file.
type shardReader struct {
	rows.Reader
	io.Closer
}

// openShard opens a shard for reading.
func (a *Activities) openShard(ctx context.Context, p *batchPlan, s rows.Shard) (shardReader, error) {
	o := p.Objects[s.Object]
	if o.Format == scores.Parquet {
		r, err := rows.NewParquet(a.o.Store.ReaderAt(ctx, o.Ref), o.Ref.Size, p.Columns, s)
		return shardReader{r, r}, err
	}
	body, err := a.o.Store.GetRange(ctx, o.Ref, s.Offset, s.Length)
	if err != nil {
		return shardReader{}, err
	}
	if o.Format == scores.JSONL {
		return shardReader{rows.NewJSONL(body, p.Columns, s.Line), body}, nil
	}
	return shardReader{rows.NewCSV(body, p.Columns, p.Headers[o.Header], s.Line), body}, nil
}

// shardScorer scores the rows of one shard, a block at a time.
type shardScorer struct {
	model      *model.Model
	reader     rows.Reader
	bad        *badRows
	maxBadRows *int64
	report     func(rows int64)
	result     ScoredShard
}

func (s *shardScorer) run(ctx context.Context, p *batchPlan, to io.Writer) error {
	out, err := p.Layout.NewWriter(to)
	if err != nil {
		return err
	}
	block := rows.NewBlock(p.Columns)
	classes, keys := len(p.Layout.Classes), len(p.Columns.Keys)
	labels, probabilities := make([]int, block.Capacity()), make([]float64, block.Capacity()*classes)
	for {
		err := s.reader.Read(block)
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		n := block.Rows
		s.model.PredictRows(block.X, labels[:n], probabilities[:n*classes])
		for i := range n {
			if err := out.Write(block.Keys[i*keys:(i+1)*keys], labels[i], probabilities[i*classes:(i+1)*classes]); err != nil {
				return fmt.Errorf("write the scores: %w", err)
			}
		}
		s.result.Rows += int64(n)
		s.countGaps(p.Columns.Cells, block)
		for _, b := range block.Bad {
			if s.result.BadRows == 0 {
				s.result.FirstBad = s.bad.describe(b)
			}
			s.result.BadRows++
			if err := s.bad.write(b); err != nil {
				return err
			}
			if s.maxBadRows != nil && s.result.BadRows > *s.maxBadRows {
				s.result.Stopped = true
				return out.Close()
			}
		}
		s.report(s.result.Rows + s.result.BadRows)
	}
}

// countGaps adds the gaps of the rows of a block. It does nothing without cells.
func (s *shardScorer) countGaps(cells *dataset.Cells, block *rows.Block) {
	if cells == nil || block.Rows == 0 {
		return
	}
	var gaps dataset.Gaps
	for x := range slices.Chunk(block.X, len(block.X)/block.Rows) {
		cells.Count(x, &gaps)
	}
	s.result.Unseen += int64(gaps.Unseen)
	s.result.Missing += int64(gaps.Missing)
}
