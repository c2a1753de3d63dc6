package apiserver

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/jsonrow"
)

const (
	maxRows   = 10_000  // of an array that is answered at once; more is work for a batch
	maxScores = 1 << 20 // probabilities of an answer, of 8 bytes each: a model with many classes takes fewer rows
	chunk     = 32 << 10
)

// readRows reads what a prediction is made of into b.body: a row, or a longer array of rows. Of those that are large
// only
// so many are held at once, until release is called, also after an error.
func (s *Server) readRows(r *http.Request, b *scratch) (release func(), err error) {
	var more bool
	release = func() {}
	b.body, more, err = httpio.ReadUpTo(r.Body, b.body, httpio.MaxSmall)
	switch {
	case err != nil || !more:
		return release, err
	case !jsonrow.IsArray(b.body):
		return release, &http.MaxBytesError{Limit: httpio.MaxSmall}
	case r.ContentLength > s.MaxBody:
		return release, &http.MaxBytesError{Limit: s.MaxBody}
	}
	if release, err = s.bulk.Take(); err != nil {
		return release, err
	}
	b.body, more, err = httpio.ReadUpTo(r.Body, b.body, s.MaxBody)
	if more {
		err = &http.MaxBytesError{Limit: s.MaxBody}
	}
	return release, err
}

// predictRows answers an array in b.body with an array. All rows are checked and classified before the first is
// written,
// so that a bad one is a problem and not half an answer.
func (s *Server) predictRows(x *httpio.Exchange, r *http.Request, p *predictor, b *scratch) error {
	x.SetBrief(false)
	if err := p.classify(r, b); err != nil {
		return err
	}
	p.setHeader(x)
	to := httpio.NewWriter(x)
	between := byte('[')
	for from := 0; from < len(b.probabilities); from += len(p.labels) {
		b.answer = append(b.answer, between)
		b.answer, _ = p.appendAnswer(b.answer, b.best[from/len(p.labels)], b.probabilities[from:from+len(p.labels)])
		b.answer = append(b.answer, '\n')
		if between = ','; len(b.answer) < chunk {
			continue
		}
		if _, err := to.Write(b.answer); err != nil {
			return err
		}
		b.answer = b.answer[:0]
	}
	if _, err := to.Write(append(b.answer, ']', '\n')); err != nil {
		return err
	}
	p.predicted.Add(float64(len(b.best)))
	return nil
}

// classify fills b.best and b.probabilities with the classes of all rows in b.body.
func (p *predictor) classify(r *http.Request, b *scratch) error {
	classes := len(p.labels)
	b.best, b.probabilities = b.best[:0], b.probabilities[:0]
	_, err := p.rows.DecodeArray(b.body, func(x []float64) error {
		row, from := len(b.best), len(b.probabilities)
		if row == p.most {
			return tooManyRows(p.Version.Model, p.most)
		}
		if row%256 == 0 && r.Context().Err() != nil {
			return httpio.ErrHungUp
		}
		b.probabilities = slices.Grow(b.probabilities, classes)[:from+classes]
		b.best = append(b.best, p.Model.Predict(x, b.probabilities[from:]))
		return checkFinite(row, b.probabilities[from:])
	})
	return err
}

// mostRows is how many rows a model with so many classes takes at once.
func mostRows(classes int) int { return min(maxRows, maxScores/classes) }

func tooManyRows(modelName string, most int) error {
	return problem.New(http.StatusRequestEntityTooLarge,
		fmt.Sprintf("more than %d rows for one request: send them to /%s/predict/batch", most, modelName))
}

// checkFinite refuses a row whose probabilities JSON cannot hold.
func checkFinite(row int, probabilities []float64) error {
	for _, v := range probabilities {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return problem.Invalid(problem.Fault{Pointer: "/" + strconv.Itoa(row), Detail: notFinite})
		}
	}
	return nil
}
