package workflows

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// candidates lists the specs that a resolved search tries, base with other values. It is a pure function of its
// arguments: a replay, on whatever machine, tries the same. A spec may still be refused when it is tried, for a value
// between the ends of a range.
func (s Search) candidates(base model.Spec, count int) []model.Spec {
	names := workflow.DeterministicKeys(s.Space)
	if s.Method == GridSearch {
		return s.grid(base, names)
	}
	source := rand.NewPCG(base.Seed, 0x696973) // one stream per seed
	var drawn []model.Spec
	seen := map[string]bool{}
	// A small space may have fewer points than are asked for; then drawing ends in vain.
	for try := 0; len(drawn) < count && try < 50*count; try++ {
		values := make(map[string]json.RawMessage, len(names))
		for _, name := range names {
			values[name] = s.Space[name].at(uniform(source))
		}
		spec := withValues(base, values)
		if key := string(spec.Hyperparameters); !seen[key] {
			seen[key] = true
			drawn = append(drawn, spec)
		}
	}
	return drawn
}

// grid lists every combination, the last name changing fastest.
func (s Search) grid(base model.Spec, names []string) []model.Spec {
	points := make([]model.Spec, s.gridSize())
	for i := range points {
		values := make(map[string]json.RawMessage, len(names))
		rest := i
		for n := len(names) - 1; n >= 0; n-- {
			list := s.Space[names[n]].Values
			values[names[n]] = list[rest%len(list)]
			rest /= len(list)
		}
		points[i] = withValues(base, values)
	}
	return points
}

// uniform draws from 0 to 1, 1 exclusive. It is spelt out because the results of rand.Rand may change with a version of
// Go, those of a PCG may not.
func uniform(source *rand.PCG) float64 { return float64(source.Uint64()>>11) / (1 << 53) }

// at is the value of a dimension at a place from 0 to 1, 1 exclusive.
func (d Dimension) at(place float64) json.RawMessage {
	if d.Range == nil {
		return d.Values[int(place*float64(len(d.Values)))]
	}
	low, high := *d.Range.Min, *d.Range.Max
	if d.Range.Integer {
		high++ // each whole number has the room up to the next
	}
	v := low + place*(high-low)
	if d.Range.Log {
		v = low * math.Exp(place*math.Log(high/low))
	}
	if d.Range.Integer {
		v = math.Floor(v)
	} else {
		v = rounded(v)
	}
	return json.RawMessage(strconv.FormatFloat(min(max(v, *d.Range.Min), *d.Range.Max), 'g', -1, 64))
}

// rounded is v with five digits: enough for a hyperparameter, readable, and the same on machines whose exponentials
// differ in the last bit.
func rounded(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		return v // cannot happen: it was just formatted
	}
	return short
}

// withValues is base with other hyperparameters, resolved where that is possible.
func withValues(base model.Spec, values map[string]json.RawMessage) model.Spec {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(base.Hyperparameters, &given); err != nil || given == nil {
		given = map[string]json.RawMessage{} // nothing or null: base is of a checked request
	}
	merged, err := json.Marshal(overlaid(given, values))
	if err == nil {
		base.Hyperparameters = merged
	}
	if resolved, err := base.Resolve(); err == nil {
		return resolved
	}
	return base
}

// overlaid puts over into given.
func overlaid(given, over map[string]json.RawMessage) map[string]json.RawMessage {
	for name, value := range over {
		given[name] = value
	}
	return given
}
