package serving

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// MaxRows limits the rows of an array in one request. More rows are work for a batch.
const MaxRows = 10_000

// predictLimits are the limits of an array of rows. A model with many classes takes fewer of them, since 2^20
// probabilities take 8 MiB.
func predictLimits(modelName string) Limits {
	return Limits{
		Rows:          MaxRows,
		Probabilities: 1 << 20,
		TooMany: func(limit int) error {
			return problem.New(http.StatusRequestEntityTooLarge, fmt.Sprintf(
				"more than %d rows for one request: send them to /%s/predict/batch", limit, modelName))
		},
		Overflow: func(row int) error {
			return problem.Invalid(problem.Fault{Pointer: "/" + strconv.Itoa(row), Detail: notFinite})
		},
	}
}

const notFinite = "the values are too large for this model to compute with"

// predictChampion classifies with the champion. It asks no other service: the model is in memory.
func (m *Models) predictChampion(w http.ResponseWriter, r *http.Request) error {
	name := m.Name(r)
	served := m.Cache.Champion(name)
	if served == nil {
		return m.NoChampion(r.Context(), name)
	}
	return m.predict(w, r, served)
}

// predictVersion classifies with the version that the path names.
func (m *Models) predictVersion(w http.ResponseWriter, r *http.Request) error {
	served, err := m.Requested(r)
	if err != nil {
		return err
	}
	return m.predict(w, r, served)
}

// predict answers one row, or an array of rows, with one version.
func (m *Models) predict(w http.ResponseWriter, r *http.Request, served *champions.Served) error {
	x := w.(*httpio.Exchange)
	onUnseen, err := predictParameters(r)
	p := m.Predictors.Of(served, x.Route(), onUnseen)
	x.SetDuration(p.duration)
	x.SetBrief(true)
	if err != nil {
		return err
	}
	threshold, err := thresholdOf(r)
	if err != nil {
		return err
	}
	if p, err = p.With(threshold, problem.Fault{Parameter: ThresholdName}); err != nil {
		return err
	}
	if err := httpio.RequireJSON(r); err != nil {
		return err
	}
	if err := p.turnAway(r); err != nil {
		return err
	}
	b := scratches.Get().(*scratch)
	defer b.free()
	b.reset(p.width, len(p.labels))
	release, err := m.readRows(x, r, b)
	defer release()
	if err != nil {
		return err
	}
	if jsonrow.IsArray(b.body) {
		return p.predictRows(x, r, predictLimits(p.Version.Model), b)
	}
	if err := p.predictRow(r.Context(), b); err != nil {
		return err
	}
	p.SetHeader(w, b.gaps)
	_, _ = w.Write(append(b.answer, '\n')) // fails only for a client that hung up
	p.count(1, b.gaps)
	return nil
}

// predictRow writes the answer to the row in b.body to b.answer.
func (p *Predictor) predictRow(ctx context.Context, b *scratch) error {
	if err := p.process.gate.enter(ctx, mostPatience); err != nil {
		return err
	}
	defer p.process.gate.leave()
	if err := p.rows.DecodeRow(b.body, b.x); err != nil {
		return err
	}
	best, ok := p.classify(b.x, b.probabilities)
	if !ok {
		return problem.New(http.StatusUnprocessableEntity, notFinite)
	}
	if p.Cells != nil {
		p.Cells.Count(b.x, &b.gaps)
	}
	b.answer = p.appendAnswer(b.answer, best, b.probabilities)
	return nil
}

// predictParameters reads on_unseen of a query, which may also have a threshold and nothing else: a client that sends
// ?version=2 would take the answer of the champion for that of version 2.
func predictParameters(r *http.Request) (dataset.OnUnseen, error) {
	if r.URL.RawQuery == "" {
		return dataset.UnseenOther, nil
	}
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name == OnUnseenName || name == ThresholdName {
			continue
		}
		return dataset.UnseenOther, problem.Invalid(problem.Fault{
			Parameter: problem.Clip(name),
			Detail: "is not a parameter of a prediction: the path names the model, or " +
				"/{model}/versions/{version}/predict a version",
		})
	}
	if len(query) == 0 {
		return dataset.UnseenOther, problem.New(http.StatusUnprocessableEntity,
			"the query is malformed: "+problem.Clip(r.URL.RawQuery))
	}
	return ParseOnUnseen(query.Get(OnUnseenName))
}

// readRows reads a row, or a longer array of rows, into b.body. The caller calls release when it is done with them,
// also after an error.
func (m *Models) readRows(x *httpio.Exchange, r *http.Request, b *scratch) (release func(), err error) {
	var more bool
	b.body, more, err = httpio.ReadUpTo(r.Body, roomFor(b.body, r, tinyBody), tinyBody)
	if err != nil || !more {
		return func() {}, err
	}
	limit := int64(httpio.MaxSmall)
	if jsonrow.IsArray(b.body) {
		limit = m.MaxBody
	}
	if limit > httpio.MaxSmall && r.ContentLength > httpio.MaxSmall {
		x.SetBrief(false) // a large body takes its time to arrive
	}
	b.body, release, err = m.readRest(r, b.body, limit)
	return release, err
}

// predictRows answers an array in b.body with an array. It checks and classifies all rows before it writes the first
// answer, so that a bad row is a problem and not half an answer.
func (p *Predictor) predictRows(x *httpio.Exchange, r *http.Request, limits Limits, b *scratch) error {
	x.SetBrief(false)
	leave, err := p.enter(r.Context())
	if err != nil {
		return err
	}
	written, err := 0, p.scoreArray(r, limits, b)
	if err == nil {
		written = p.appendAnswers(b, 0, maxEncoded) // most answers are whole then
	}
	leave()
	if err != nil {
		return err
	}
	p.SetHeader(x, b.gaps)
	to := httpio.NewWriter(x)
	for written < len(b.best) {
		if _, err := to.Write(b.answer); err != nil {
			return err
		}
		const chunk = 32 << 10
		b.answer = b.answer[:0]
		written = p.appendAnswers(b, written, chunk)
	}
	for piece := range slices.Chunk(append(b.answer, ']', '\n'), pieceSize) {
		if _, err := to.Write(piece); err != nil {
			return err
		}
	}
	p.count(len(b.best), b.gaps)
	return nil
}

const (
	maxEncoded = 1 << 20  // bytes of an answer that are in memory at the same time
	pieceSize  = 64 << 10 // bytes that a client must take within httpio.StallTimeout
)

// appendAnswers appends the answers from row first on, until b.answer has size bytes or all rows are answered. It
// returns the next row.
func (p *Predictor) appendAnswers(b *scratch, first, size int) (next int) {
	for next = first; next < len(b.best) && len(b.answer) < size; next++ {
		between := byte(',')
		if next == 0 {
			between = '['
		}
		from := next * len(p.labels)
		b.answer = append(b.answer, between)
		b.answer = p.appendAnswer(b.answer, b.best[next], b.probabilities[from:from+len(p.labels)])
		b.answer = append(b.answer, '\n')
	}
	return next
}

// scoreArray fills b.best and b.probabilities for all rows in b.body.
func (p *Predictor) scoreArray(r *http.Request, limits Limits, b *scratch) (err error) {
	b.best, b.probabilities = b.best[:0], b.probabilities[:0]
	source := func(row func([]float64) error) error {
		_, err := p.rows.DecodeArray(b.body, row)
		return err
	}
	b.gaps, err = p.score(r.Context(), limits, source, func(best int, probabilities []float64) error {
		b.best, b.probabilities = append(b.best, best), append(b.probabilities, probabilities...)
		return nil
	})
	return err
}
