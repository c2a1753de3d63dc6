package apiserver

import (
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/kservev1"
	"iris/apiserver/mlflowscoring"
	"iris/apiserver/openinference"
	"iris/apiserver/problem"
)

// protocol is a protocol of other inference servers. Its paths have errors of its shape, also where no route matches.
type protocol struct {
	owns func(path string) bool
	fail func(http.ResponseWriter, *problem.Problem, error)
}

var protocols = []protocol{
	{openinference.Owns, openinference.Fail},
	{kservev1.Owns, kservev1.Fail},
	{mlflowscoring.Owns, mlflowscoring.Fail},
}

// protocolOf returns the protocol that a path belongs to, nil for Iris's own.
func protocolOf(path string) *protocol {
	for i, p := range protocols {
		if p.owns(path) {
			return &protocols[i]
		}
	}
	return nil
}

// answerProblem answers with p, which stands for err, in the shape of the protocol that the path belongs to.
func answerProblem(w http.ResponseWriter, r *http.Request, p *problem.Problem, err error) {
	other := protocolOf(r.URL.Path)
	if other == nil {
		httpio.WriteProblem(w, p)
		return
	}
	httpio.SetHeader(w, p)
	other.fail(w, p, err)
}
