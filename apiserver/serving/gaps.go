package serving

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
)

// OnUnseen says what becomes of a text that is not a level of its feature.
type OnUnseen string

// The values of OnUnseen.
const (
	UnseenOther OnUnseen = ""      // it counts as one of the texts that are too rare for a level
	UnseenError OnUnseen = "error" // it is an error of the request
)

// OnUnseenName is the parameter of a request that has an OnUnseen.
const OnUnseenName = "on_unseen"

const otherName = "other" // of UnseenOther, in a request

// Headers of answers: how many values of the request's rows are not a level of their feature, or missing. An answer
// without one of them has none of its values.
const (
	UnseenHeader  = "Iris-Unseen"
	MissingHeader = "Iris-Missing"
)

// ParseOnUnseen reads the value of a request.
func ParseOnUnseen(value string) (OnUnseen, error) {
	switch value {
	case string(UnseenError):
		return UnseenError, nil
	case otherName:
		return UnseenOther, nil
	}
	return "", problem.Invalid(problem.Fault{
		Parameter: OnUnseenName, Detail: httpio.Quote(problem.Clip(value)) + " is not understood: want error or other",
	})
}

// onUnseenOf reads the parameter of a query that may have others.
func onUnseenOf(r *http.Request) (OnUnseen, error) {
	if r.URL.RawQuery == "" {
		return UnseenOther, nil
	}
	return onUnseenIn(r.URL.Query())
}

func onUnseenIn(query url.Values) (OnUnseen, error) {
	if !query.Has(OnUnseenName) {
		return UnseenOther, nil
	}
	return ParseOnUnseen(query.Get(OnUnseenName))
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
