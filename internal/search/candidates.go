package search

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"

	"iris/model"
)

// candidates lists the specs that a resolved request tries: base with other values. It depends on its arguments alone,
// so a replay on any machine lists the same. A trial may still reject a spec, for a value inside a range.
func (r Request) candidates(base model.Spec, count int) []model.Spec {
	names := r.names()
	if r.Method == Grid {
		return r.grid(base, names)
	}
	source := rand.NewPCG(base.Seed, 0x696973) // one stream per seed
	var drawn []model.Spec
	seen := map[string]bool{}
	// A small space may have fewer points than count, so the number of draws is limited.
	for try := 0; len(drawn) < count && try < 50*count; try++ {
		values := make(map[string]json.RawMessage, len(names))
		for _, name := range names {
			values[name] = r.Space[name].at(uniform(source))
		}
		spec := withValues(base, values)
		if key := string(spec.Hyperparameters); !seen[key] {
			seen[key] = true
			drawn = append(drawn, spec)
		}
	}
	return drawn
}

// grid lists every combination. The last name changes fastest.
func (r Request) grid(base model.Spec, names []string) []model.Spec {
	points := make([]model.Spec, r.gridSize())
	for i := range points {
		values := make(map[string]json.RawMessage, len(names))
		rest := i
		for n := len(names) - 1; n >= 0; n-- {
			list := r.Space[names[n]].Values
			values[names[n]] = list[rest%len(list)]
			rest /= len(list)
		}
		points[i] = withValues(base, values)
	}
	return points
}

// uniform draws from the interval [0, 1). It does not use rand.Rand, whose results may change with a version of Go; the
// results of a PCG may not.
func uniform(source *rand.PCG) float64 { return float64(source.Uint64()>>11) / (1 << 53) }

// at returns the value of a dimension at a place in the interval [0, 1).
func (d Dimension) at(place float64) json.RawMessage {
	if d.Range == nil {
		return d.Values[int(place*float64(len(d.Values)))]
	}
	low, high := *d.Range.Min, *d.Range.Max
	if d.Range.Integer {
		high++ // each whole number covers the interval up to the next
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

// rounded rounds v to five digits: enough for a hyperparameter, readable, and the same on machines whose exponentials
// differ in the last bit.
func rounded(v float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		return v // cannot happen for a number that was just formatted
	}
	return short
}

// withValues returns base with other hyperparameters, resolved if they are valid.
func withValues(base model.Spec, values map[string]json.RawMessage) model.Spec {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(base.Hyperparameters, &given); err != nil || given == nil {
		given = map[string]json.RawMessage{} // absent or null: the request was checked before
	}
	maps.Copy(given, values)
	if merged, err := json.Marshal(given); err == nil {
		base.Hyperparameters = merged
	}
	if resolved, err := base.Resolve(); err == nil {
		return resolved
	}
	return base
}
