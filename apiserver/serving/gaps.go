package serving

import (
	"net/http"
	"strconv"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
)

// OnUnseenName is the parameter of a request that has a dataset.OnUnseen.
const OnUnseenName = "on_unseen"

// Headers of answers: how many values of the request's rows are not a level of their feature, or missing. An answer
// without one of them has none of its values.
const (
	UnseenHeader  = "Iris-Unseen"
	MissingHeader = "Iris-Missing"
)

// ParseOnUnseen reads the value of a request.
func ParseOnUnseen(value string) (dataset.OnUnseen, error) {
	o, reason := dataset.ParseOnUnseen(problem.Clip(value))
	if reason != "" {
		return o, problem.Invalid(problem.Fault{Parameter: OnUnseenName, Detail: reason})
	}
	return o, nil
}

// onUnseenOf reads the parameter of a query that may have others.
func onUnseenOf(r *http.Request) (dataset.OnUnseen, error) {
	if r.URL.RawQuery == "" {
		return dataset.UnseenOther, nil
	}
	return ParseOnUnseen(r.URL.Query().Get(OnUnseenName))
}

// Count counts the rows that the predictor has answered and their gaps, and makes the duration of the request one of
// its version.
func (p *Predictor) Count(w http.ResponseWriter, rows int, gaps dataset.Gaps) {
	if x, ok := w.(*httpio.Exchange); ok {
		x.SetDuration(p.duration)
		p.count(rows, gaps)
	}
}

// CountSince counts a request that did not come through an httpio.Handler.
func (p *Predictor) CountSince(began time.Time, rows int, gaps dataset.Gaps) {
	p.duration.Observe(time.Since(began).Seconds())
	p.count(rows, gaps)
}

func (p *Predictor) count(rows int, gaps dataset.Gaps) {
	p.predicted.Add(float64(rows))
	if gaps != (dataset.Gaps{}) {
		p.unseen.Add(float64(gaps.Unseen))
		p.missing.Add(float64(gaps.Missing))
	}
}

// GapHeaders returns the headers of an answer to rows with gaps.
func GapHeaders(gaps dataset.Gaps) map[string]string {
	if gaps == (dataset.Gaps{}) {
		return nil
	}
	headers := make(map[string]string, 2)
	if gaps.Unseen > 0 {
		headers[UnseenHeader] = strconv.Itoa(gaps.Unseen)
	}
	if gaps.Missing > 0 {
		headers[MissingHeader] = strconv.Itoa(gaps.Missing)
	}
	return headers
}
