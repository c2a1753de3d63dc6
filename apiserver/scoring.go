package apiserver

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/frame"
)

// What the protocols of other inference servers have in common: rows come in, a prediction for each goes out, and what
// is
// wrong is said in the words of the protocol.

const (
	maxScoredRows   = 100_000  // of one request
	maxScoredAnswer = 32 << 20 // bytes of its answer, which is held in memory until the last row is known to be good
)

// scoringRoutes adds the routes of the MLflow scoring protocol and of KServe V1: those that begin with a literal, then
// those
// that begin with the name of a model.
func (s *Server) scoringRoutes() {
	s.kserveV1Routes()
	s.invocationRoutes()
}

// scorer is a served version with all of an answer that does not depend on the rows.
type scorer struct {
	*champions.Served
	frame  *frame.Decoder
	header []string // Model-Version: iris/7
	heads  [][]byte // by class: {"label":"setosa"
	keys   [][]byte // by class: ,"p_setosa":
}

func newScorer(served *champions.Served) *scorer {
	schema := served.Model.Schema()
	sc := &scorer{
		Served: served,
		frame:  frame.NewDecoder(schema.Features),
		header: []string{served.Version.Model + "/" + served.Version.Number},
	}
	outputs := served.Model.ONNXOutputs() // of the label, then of each class: the names that MLflow answers with
	for i, class := range schema.Classes {
		sc.heads = append(sc.heads, []byte("{"+quote(outputs[0])+":"+quote(class)))
		sc.keys = append(sc.keys, []byte(","+quote(outputs[i+1])+":"))
	}
	return sc
}

// appendPrediction appends the prediction of class best. It reports false when a probability is not a finite number.
func (sc *scorer) appendPrediction(dst []byte, best int, probabilities []float64) ([]byte, bool) {
	dst = append(dst, sc.heads[best]...)
	finite := true
	for i, key := range sc.keys {
		var ok bool
		dst, ok = appendNumbers(append(dst, key...), probabilities[i:i+1])
		finite = finite && ok
	}
	return append(dst, '}'), finite
}

// scorers keeps the scorer of each model's champion, as predictors does.
type scorers struct {
	byModel atomic.Pointer[map[string]*scorer]
	writing sync.Mutex
}

// of returns the scorer of what a model serves now.
func (ss *scorers) of(served *champions.Served) *scorer {
	name := served.Version.Model
	if all := ss.byModel.Load(); all != nil {
		if sc := (*all)[name]; sc != nil && sc.Served == served {
			return sc
		}
	}
	ss.writing.Lock()
	defer ss.writing.Unlock()
	next := map[string]*scorer{}
	if all := ss.byModel.Load(); all != nil {
		maps.Copy(next, *all)
	}
	sc := newScorer(served)
	next[name] = sc
	ss.byModel.Store(&next)
	return sc
}

// scorerOf returns what scores a request.
func (s *Server) scorerOf(r *http.Request) (*scorer, error) {
	served, err := s.servedFor(r)
	if err != nil {
		return nil, err
	}
	if served != s.Cache.Champion(served.Version.Model) {
		return newScorer(served), nil
	}
	return s.scorers.of(served), nil
}

// score answers with {"predictions":[…]}, one for each row that decode hands out. Nothing is sent before all of them
// are
// known to be good. An answer that grows large takes a place as large bodies do.
func (s *Server) score(
	w http.ResponseWriter,
	r *http.Request,
	sc *scorer,
	decode func(row func(x []float64) error) (int, error),
) error {
	probabilities := make([]float64, len(sc.keys))
	answer := append(make([]byte, 0, 512), `{"predictions":[`...)
	rows, large := 0, false
	release := func() {}
	defer func() { release() }()
	_, err := decode(func(x []float64) error {
		switch {
		case rows == maxScoredRows:
			return tooMuch(fmt.Sprintf("more than %d rows", maxScoredRows))
		case len(answer) > maxScoredAnswer:
			return tooMuch(fmt.Sprintf("the answer would have more than %d bytes", maxScoredAnswer))
		case rows%1000 == 999 && r.Context().Err() != nil:
			return httpio.ErrHungUp
		case len(answer) > httpio.MaxSmall && !large:
			var err error
			if release, err = s.bulk.Take(); err != nil {
				return err
			}
			large = true
		}
		if rows > 0 {
			answer = append(answer, ',')
		}
		best := sc.Model.Predict(x, probabilities)
		var finite bool
		if answer, finite = sc.appendPrediction(answer, best, probabilities); !finite {
			return overflow(rows)
		}
		rows++
		return nil
	})
	if err != nil {
		return err
	}
	s.countRows(w, sc.Served, rows)
	header := w.Header()
	header["Content-Type"], header["Model-Version"] = httpio.JSONType, sc.header
	return sendPieces(w, append(answer, "]}\n"...))
}

// sendPieces sends an answer, and gives up on a client that takes nothing of it for a while: a large one holds a place.
func sendPieces(w http.ResponseWriter, answer []byte) error {
	const piece = 64 << 10 // bytes that a client must take at once
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(answer))}
	if len(answer) <= piece {
		_, _ = w.Write(answer) // a client that hung up
		return nil
	}
	to := httpio.NewWriter(w)
	for part := range slices.Chunk(answer, piece) {
		if _, err := to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func tooMuch(what string) error {
	return problem.New(http.StatusRequestEntityTooLarge, what+": send fewer rows at a time, or a batch")
}

func overflow(row int) error {
	return &frame.Error{Fault: frame.NoValue, RowError: dataset.RowError{
		Reason: fmt.Sprintf("the values of row %d are too large for this model to compute with", row),
	}}
}

// frameFault is the kind of mistake in the rows, false when err is about something else.
func frameFault(err error) (frame.Fault, bool) {
	var e *frame.Error
	if errors.As(err, &e) {
		return e.Fault, true
	}
	return 0, false
}
