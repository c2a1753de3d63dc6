package serving

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"iris/apiserver/problem"
	"iris/model"
)

// ThresholdName is the parameter of a request that has another threshold than the version.
const ThresholdName = "threshold"

const wantThreshold = "want a number above 0 and below 1"

// thresholdOf reads the threshold in the query of r, nil for none.
func thresholdOf(r *http.Request) (*float64, error) {
	if r.URL.RawQuery == "" {
		return nil, nil //nolint:nilnil // most requests have none
	}
	values, given := r.URL.Query()[ThresholdName]
	if !given {
		return nil, nil //nolint:nilnil // as above
	}
	return ParseThreshold(values[0], problem.Fault{Parameter: ThresholdName})
}

// ParseThreshold reads a threshold. The fault at says where the request has it.
func ParseThreshold(text string, at problem.Fault) (*float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		at.Detail = "is " + problem.Clip(text) + ", " + wantThreshold
		return nil, problem.Invalid(at)
	}
	return &v, nil
}

// With returns a predictor that decides by another threshold, or p itself if that is nil. The fault at says where the
// request has the threshold.
func (p *Predictor) With(threshold *float64, at problem.Fault) (*Predictor, error) {
	if threshold == nil {
		return p, nil
	}
	if p.decided {
		at.Detail = "is given as a query parameter already"
		return p, problem.Invalid(at)
	}
	m, err := p.Model.WithThreshold(*threshold)
	var wrong *model.SpecError
	if errors.As(err, &wrong) {
		at.Detail = wrong.Reason
		return p, problem.Invalid(at)
	}
	if err != nil {
		return p, err
	}
	served, other := *p.Served, *p
	served.Model = m
	other.Served, other.decided = &served, true
	return &other, nil
}

// WithParameters is With the threshold in an object of JSON, which may have other members. pointer is its place in the
// request.
func (p *Predictor) WithParameters(object []byte, pointer string) (*Predictor, error) {
	var parameters map[string]json.RawMessage
	if json.Unmarshal(object, &parameters) != nil {
		return p, nil // what is not an object has no threshold
	}
	text := string(parameters[ThresholdName])
	if text == "" || text == "null" {
		return p, nil
	}
	at := problem.Fault{Pointer: pointer + "/" + ThresholdName}
	threshold, err := ParseThreshold(text, at)
	if err != nil {
		return p, err
	}
	return p.With(threshold, at)
}
