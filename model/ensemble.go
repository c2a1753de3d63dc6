package model

import (
	"encoding/json"
	"fmt"
	"math"
	"sync"

	"iris/model/internal/onnx"
)

// ensemble is the weighted mean of the probabilities of other models, its members. A temperature other than 1 then
// divides the logarithms of the mean: above 1 the probabilities become less sure, below 1 more.
//
// A member is a whole Model. It has a design of its own, because what a mixed table becomes depends on the family, and
// the spec and the schema of the ensemble say the rest of it. So an artifact has the design and what the member
// learned, and the weights and the temperature are in the spec.
type ensemble struct {
	members     []*Model
	weights     []float64 // their sum is 1
	temperature float64
	scratch     *sync.Pool // of *[]float64: the probabilities of a member; derived by prepare
}

// newEnsemble returns an ensemble of a resolved Spec without its members.
func newEnsemble(s Spec) (*ensemble, []Spec, error) {
	h, err := s.ensembleSettings()
	if err != nil {
		return nil, nil, err
	}
	e := &ensemble{weights: make([]float64, len(h.Members)), temperature: h.Temperature}
	sum := 0.0
	for _, m := range h.Members {
		sum += m.Weight
	}
	specs := make([]Spec, len(h.Members))
	for i, m := range h.Members {
		e.weights[i] = m.Weight / sum
		specs[i] = m.spec(s)
	}
	return e, specs, nil
}

// prepare implements scorer. The members are prepared already.
func (e *ensemble) prepare(features, classes int) error {
	if len(e.members) == 0 || len(e.members) != len(e.weights) {
		return fmt.Errorf("%d members, the spec has %d", len(e.members), len(e.weights))
	}
	for i, m := range e.members {
		if len(m.schema.Features) != features || len(m.schema.Classes) != classes {
			return fmt.Errorf("member %d has %d features and %d classes", i, len(m.schema.Features), len(m.schema.Classes))
		}
	}
	e.scratch = &sync.Pool{New: func() any {
		p := make([]float64, classes)
		return &p
	}}
	return nil
}

// score implements scorer.
func (e *ensemble) score(x, p []float64) {
	e.mean(x, p)
	if e.temperature == 1 {
		return
	}
	for k, v := range p {
		p[k] = math.Log(max(v, MinProbability)) / e.temperature
	}
	softmax(p)
}

// mean sets p to the weighted mean of the probabilities.
func (e *ensemble) mean(x, p []float64) {
	if len(e.members) == 1 {
		e.members[0].score(x, p)
		return
	}
	own := e.scratch.Get().(*[]float64)
	clear(p)
	for i, m := range e.members {
		m.score(x, *own)
		for k, v := range *own {
			p[k] += e.weights[i] * v
		}
	}
	e.scratch.Put(own)
}

// onnx implements scorer. The members share the inputs of the graph.
func (e *ensemble) onnx(g *onnx.Graph) string {
	var p string
	for i, m := range e.members {
		own := m.onnxProbabilities(g)
		if len(e.members) > 1 {
			own = g.Node("Mul", []string{own, g.Doubles("weight", e.weights[i:i+1])})
		}
		if i == 0 {
			p = own
		} else {
			p = g.Node("Add", []string{p, own})
		}
	}
	if e.temperature == 1 {
		return p
	}
	p = g.Node("Max", []string{p, g.Doubles("least", []float64{MinProbability})})
	z := g.Node("Div", []string{g.Node("Log", []string{p}), g.Doubles("temperature", []float64{e.temperature})})
	return g.Node("Softmax", []string{z}, onnx.Int("axis", 1))
}

// MarshalJSON implements json.Marshaler.
func (e *ensemble) MarshalJSON() ([]byte, error) {
	var learned struct {
		Members []part[scorer] `json:"members"`
	}
	for _, m := range e.members {
		learned.Members = append(learned.Members, part[scorer]{m.design, m.scorer})
	}
	return json.Marshal(learned)
}

// decodeEnsemble reads what MarshalJSON wrote for a model with the schema and the spec of m.
func decodeEnsemble(b []byte, m *Model) (*ensemble, error) {
	var learned struct {
		Members []part[json.RawMessage] `json:"members"`
	}
	if err := strict(b, &learned); err != nil {
		return nil, err
	}
	e, specs, err := newEnsemble(m.spec)
	if err != nil {
		return nil, err
	}
	if len(learned.Members) != len(specs) {
		return nil, fmt.Errorf("%d members, the spec has %d", len(learned.Members), len(specs))
	}
	for i, p := range learned.Members {
		member := &Model{schema: m.schema, spec: specs[i], design: p.Design}
		if hasDesign := p.Design != nil; hasDesign == m.schema.Plain() {
			return nil, fmt.Errorf("member %d: a design is in a member if the schema is not plain, and only then", i)
		}
		if err := member.restore(p.Learned); err != nil {
			return nil, fmt.Errorf("member %d: %w", i, err)
		}
		e.members = append(e.members, member)
	}
	return e, nil
}
