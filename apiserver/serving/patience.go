package serving

import (
	"net/http"
	"time"
)

// How long a request waits for the gate.
const (
	leastPatience = 3 * time.Millisecond  // so that a pause of the garbage collector sheds nothing
	mostPatience  = 20 * time.Millisecond // also of a single row
	patienceRatio = 2                     // of the wait to the time that the rows of a request take
)

// fewRows is the size in bytes of a body that is always read.
const fewRows = 16 << 10

// patience returns how long a request with many rows waits: in proportion to the time that such requests have taken
// lately, so that nobody waits for long for an answer that is fast.
func (p *Predictor) patience() time.Duration {
	return min(max(patienceRatio*time.Duration(p.typical.Load()), leastPatience), mostPatience)
}

// turnAway sheds a request with many rows before its body is read, if there is too much to do before it.
func (p *Predictor) turnAway(r *http.Request) error {
	if r.ContentLength <= fewRows {
		return nil
	}
	return p.process.gate.turnAway(r.Context(), p.patience(), time.Duration(p.typical.Load()))
}

// observe learns how long a request took.
func (p *Predictor) observe(took time.Duration) {
	const share = 8 // the new observation counts for one eighth
	old := p.typical.Load()
	p.typical.Store(old + (int64(took)-old)/share) // an update that is lost does not matter
}
